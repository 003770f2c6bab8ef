"""Every tool gives the same results whether or not a rare class has a folder.

The training set has five class folders. One validation set has the folders of all five,
one of them empty; another lacks that folder, and so lists four classes of its own.
"""

import json
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits

from mmgala.utils.checkpoint import read_checkpoint
from tests.tools.command_line import ROOT, SMALL_CONFIG, assert_one_line, call, options

pytestmark = pytest.mark.slow

TRAIN = dict(a0=60, a1=3, a2=40, a3=30, a4=20)
NAMES = tuple(TRAIN)
WITHOUT_A1 = {name: 8 for name in TRAIN if name != 'a1'}
# Validation sets, with the classes that each has a folder of.
VAL = dict(lacking=WITHOUT_A1, empty={**WITHOUT_A1, 'a1': 0})


def write(root, counts, start):
    digits = load_digits()
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        images = digits.images[digits.target == int(name[1])][start : start + count]
        for index, image in enumerate(images):
            path = root / name / f'{index}.png'
            assert cv2.imwrite(str(path), (image * 15.9).astype(np.uint8))


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Config and checkpoint of a training on five folders."""
    folder = tmp_path_factory.mktemp('folders')
    write(folder / 'train', TRAIN, 0)
    write(folder / 'test', dict.fromkeys(TRAIN, 8), 80)
    for name, counts in VAL.items():
        write(folder / name, counts, 100)
    config = folder / 'folders.py'
    config.write_text(f"""{SMALL_CONFIG}
model['head']['num_classes'] = 5
data_preprocessor = dict(num_classes=5)
train_cfg = dict(max_epochs=4, val_interval=4)
pipe = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
images = dict(_delete_=True, type='CustomDataset', pipeline=pipe)
train_dataloader = dict(dataset=dict(data_root='{folder}/train', **images))
val_dataloader = dict(dataset=dict(data_root='{folder}/lacking', **images))
test_dataloader = dict(dataset=dict(data_root='{folder}/test', **images))
""")
    found = SimpleNamespace(config=config, folder=folder)
    for val in VAL:
        work_dir = folder / f'work_{val}'
        end = call('train', config, '--work-dir', work_dir, *data(found, val),
                   cwd=folder)  # fmt: skip
        assert end is None, end
    found.checkpoint = folder / 'work_lacking' / 'epoch_4.pth'
    return found


def data(trained, val):
    return options(val_dataloader__dataset__data_root=str(trained.folder / val))


def run_both(trained, tmp_path, tool, arguments, read):
    """What a tool writes with each validation set."""
    results = []
    for val in VAL:
        folder = tmp_path / val
        folder.mkdir()
        start = [trained.config, trained.checkpoint, *arguments, *data(trained, val)]
        assert call(tool, *start, cwd=folder) is None
        results.append(read(folder))
    return results


def scalars(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    lines = map(json.loads, path.read_text().splitlines())
    (metrics,) = [line for line in lines if 'accuracy/top1' in line]
    return {k: v for k, v in metrics.items() if k.startswith('accuracy')}


def test_training(trained):
    lacking, empty = (scalars(trained.folder / f'work_{val}') for val in VAL)

    assert lacking == empty
    assert lacking['accuracy/top1'] > 30


def test_choice_of_tau_and_rebalanced_test(trained, tmp_path):
    flags = ['--rebalance', '--tau', 'auto', '--work-dir', 'work', '--out', 'x.npz']

    def read(folder):
        (log,) = [p for p in folder.glob('work/*/*.log') if 'selection' not in str(p)]
        tau = re.search(r're-balanced with tau=(\S+)', log.read_text())[1]
        return tau, dict(np.load(folder / 'x.npz'))

    lacking, empty = run_both(trained, tmp_path, 'test', flags, read)

    assert lacking[0] == empty[0]
    assert (lacking[1]['pred_score'] == empty[1]['pred_score']).all()
    assert lacking[1]['class_names'].tolist() == list(NAMES)


def test_test_sets_that_lack_a_class(trained, tmp_path):
    end = call('test', trained.config, trained.checkpoint, '--out', 'x.npz',
               *options(test_dataloader__dataset__data_root=str(
                   trained.folder / 'lacking')), cwd=tmp_path)  # fmt: skip

    assert end is None
    labels = np.load(tmp_path / 'x.npz')['gt_label']
    assert labels.tolist() == [0] * 8 + [2] * 8 + [3] * 8 + [4] * 8


def test_fitted_rebalancer(trained, tmp_path):
    def read(folder):
        state = read_checkpoint(folder / 'out.pth')['state_dict']
        return {k: v.tolist() for k, v in state.items() if 'post_hoc' in k}

    lacking, empty = run_both(trained, tmp_path, 'fit_rebalancer', ['out.pth'], read)

    assert lacking == empty


@pytest.mark.parametrize('method', ['tau-norm', 'ncm'])
def test_retrained_classifier(trained, tmp_path, method):
    def read(folder):
        return read_checkpoint(folder / 'out.pth')['meta']['retrained']

    flags = ['out.pth', '--method', method]
    lacking, empty = run_both(trained, tmp_path, 'retrain_classifier', flags, read)

    assert lacking == empty


def test_class_vectors(trained, tmp_path):
    def read(folder):
        return json.loads((folder / 'x.json').read_text())

    flags = ['--split', 'val', '--out', 'x.json']
    tool = 'analysis/class_vectors'
    lacking, empty = run_both(trained, tmp_path, tool, flags, read)

    assert lacking == empty
    assert [entry['name'] for entry in lacking['classes']] == list(NAMES)


def test_comparison(trained, tmp_path):
    end = call('compare', trained.config, '--methods', 'ce', '--seeds', 1, '--work-dir',
               'work', *options(train_cfg__max_epochs=1), cwd=tmp_path)  # fmt: skip

    assert end is None
    scores = np.load(tmp_path / 'work/ce/seed0/val.npz')
    assert scores['gt_label'].tolist() == [0] * 8 + [2] * 8 + [3] * 8 + [4] * 8
    assert scores['class_names'].tolist() == list(NAMES)


def test_priors_by_class_name(trained, tmp_path):
    values = [0.4, 0.1, 0.2, 0.2, 0.1]
    shares = dict(zip(NAMES, values, strict=True))
    (tmp_path / 'named.json').write_text(json.dumps(dict(reversed(shares.items()))))
    (tmp_path / 'list.json').write_text(json.dumps(values))
    scores = []
    for prior in ('named', 'list'):
        end = call('test', trained.config, trained.checkpoint, '--rebalance',
                   '--target-prior', f'{prior}.json', '--out', f'{prior}.npz',
                   cwd=tmp_path)  # fmt: skip
        assert end is None
        scores.append(np.load(tmp_path / f'{prior}.npz')['pred_score'])

    assert (scores[0] == scores[1]).all()


def test_a_wrong_number_of_outputs_is_refused(trained, tmp_path):
    end = call('train', trained.config, '--work-dir', 'work',
               *options(model__head__num_classes=1000), cwd=tmp_path)  # fmt: skip

    assert_one_line(end, r'is 1000, .* 5 classes.*set model\.head\.num_classes=5')
    assert not list(tmp_path.glob('work/*.pth'))


def test_runners_and_loaders_are_built_in_one_place_each():
    """A new tool cannot forget to align its data: it must use these functions."""
    building = re.compile(
        r'Runner\.from_cfg|RUNNERS\.build|Runner\(|build_dataloader\('
    )
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ('mmgala', 'tools')
        for path in (ROOT / folder).rglob('*.py')
        if building.search(path.read_text())
    }

    assert found == {'mmgala/apis/runner.py', 'mmgala/apis/data_splits.py'}
