"""A comparison after its data were corrected under the same names."""

import json
import re

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits

from mmgala.analysis.comparison_folders import read_run_state
from mmgala.comparison import find_methods, plan_runs, worker
from mmgala.comparison.processes import Report
from mmgala.comparison.runs import write_run_state
from tests.comparison.small import small_config
from tests.tools.command_line import SMALL_CONFIG, call, printed

CLASSES = 3
CONFIG = (
    SMALL_CONFIG
    + """
model['head']['num_classes'] = 3
data_preprocessor = dict(num_classes=3)
files = dict(
    _delete_=True, type='mmgala.CSVDataset', data_root='data', ann_file='a.csv',
    pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
)
loader = dict(batch_size=16, num_workers=0, persistent_workers=False)
train_dataloader = dict(dataset=dict(split='train', **files), **loader)
val_dataloader = dict(dataset=dict(split='val', **files), **loader)
test_dataloader = dict(dataset=dict(split='test', **files), **loader)
train_cfg = dict(max_epochs=1)
"""
)


def rows(wrong=()):
    """Lines of the table; every third label of the splits in ``wrong`` is 0."""
    lines = ['path,label,split']
    for split, first, last in (('train', 0, 20), ('val', 20, 25), ('test', 25, 35)):
        for label in range(CLASSES):
            for k in range(first, last):
                said = 0 if split in wrong and k % 3 == 0 else label
                lines.append(f'{label}_{k}.png,d{said},{split}')
    return '\n'.join(lines) + '\n'


def write_images(folder):
    digits = load_digits()
    for label in range(CLASSES):
        for k, image in enumerate(digits.images[digits.target == label][:35]):
            grey = cv2.resize((image * 15).astype(np.uint8), (16, 16))
            cv2.imwrite(str(folder / f'{label}_{k}.png'), grey)


class Comparison:
    """Runs of tools/compare.py in one folder."""

    def __init__(self, folder):
        self.folder, self.work = folder, folder / 'work'
        self.table = folder / 'data/a.csv'
        self.table.parent.mkdir()
        write_images(self.table.parent)
        self.table.write_text(rows(wrong=['val', 'test']))
        (folder / 'small.py').write_text(CONFIG)

    def run(self, *flags):
        """Top-1 of each method, and what was printed."""
        arguments = ['small.py', '--methods', 'ce', 'tau-norm', '--seeds', '1']
        with printed() as output:
            end = call('compare', *arguments, '--workers', '1', '--work-dir', self.work,
                       *flags, cwd=self.folder)  # fmt: skip
        assert end is None, end
        results = json.loads((self.work / 'results.json').read_text())
        top1 = {row['name']: row['runs'][0]['top1'] for row in results['rows']}
        return top1, output.stderr

    def weights(self, method='ce'):
        (path,) = (self.work / method / 'seed0').glob('*.pth')
        return path.read_bytes()

    def tested(self):
        """Top-1 of tools/test.py on the checkpoint of ``ce``."""
        (path,) = (self.work / 'ce/seed0').glob('*.pth')
        out = self.folder / 'metrics.json'
        end = call('test', 'small.py', path, '--out', out, cwd=self.folder)
        assert end is None
        return json.loads(out.read_text())['accuracy/top1']


@pytest.fixture(scope='module')
def compared(tmp_path_factory):
    comparison = Comparison(tmp_path_factory.mktemp('corrected'))
    comparison.run()
    return comparison


def test_corrected_test_labels_are_in_the_table(compared):
    before, weights = compared.run()[0], compared.weights()
    compared.table.write_text(rows())

    reported, hidden = compared.run('--only-report')
    top1, text = compared.run()

    assert reported == {}
    assert 'Left out; run this without --only-report' in hidden
    assert top1['ce'] == pytest.approx(compared.tested(), abs=1e-3)
    assert top1['ce'] != before['ce']
    assert re.search(r'labels of the test set.*Tested again: ce, seed 0\.', text)
    assert compared.weights() == weights  # not trained again
    assert compared.run()[1].count('2 of them finished already') == 1


def test_corrected_training_labels_are_trained_on(compared):
    compared.table.write_text(rows())
    compared.run()
    weights = compared.weights()
    compared.table.write_text(rows(wrong=['train']))

    top1, text = compared.run()

    assert compared.weights() != weights
    assert top1['ce'] == pytest.approx(compared.tested(), abs=1e-3)
    assert 'labels of the training set). Trained again' in text
    kept = sorted(compared.work.glob('ce/outdated-*-seed0'))
    assert [path.read_bytes() for path in kept[-1].glob('*.pth')] == [weights]


def test_image_that_was_changed_in_place_is_tested_again(compared):
    compared.table.write_text(rows())
    compared.run()
    path = compared.table.parent / '0_30.png'
    content = path.read_bytes()
    cv2.imwrite(str(path), np.zeros((16, 16), np.uint8))

    _, text = compared.run()

    path.write_bytes(content)
    assert 'image files of the test set). Tested again: ce, seed 0' in text


def test_runs_without_digests_are_compared_by_their_labels(compared):
    compared.table.write_text(rows())
    compared.run()
    for method in ('ce', 'tau-norm'):
        folder = compared.work / method / 'seed0'
        state = read_run_state(folder)
        del state['data']
        write_run_state(folder, state)

    _, unchanged = compared.run()
    compared.table.write_text(rows(wrong=['test']))
    top1, changed = compared.run()

    assert '2 of them finished already' in unchanged
    assert '(labels of the test set). Tested again: ce, seed 0, tau-norm' in changed
    assert top1['ce'] == pytest.approx(compared.tested(), abs=1e-3)


@pytest.mark.parametrize('split', ['train', 'test'])
def test_interrupted_training_continues_only_on_the_same_data(
    tmp_path, monkeypatch, split
):
    data = {name: dict(labels='a') for name in ('train', 'val', 'test')}
    (run,) = plan_runs(small_config(), find_methods(['ce']), [0], tmp_path, data=data)
    run.folder.mkdir(parents=True)
    (run.folder / 'epoch_1.pth').write_text('weights')
    before = {**data, split: dict(labels='b')}
    write_run_state(
        run.folder, dict(status='running', hash=run.hash, files=[], data=before)
    )
    seen = []
    monkeypatch.setattr(
        worker, '_train', lambda run, *_: seen.extend(run.folder.glob('*.pth')) or []
    )

    worker.execute(run, Report(lambda message: None))

    assert [path.name for path in seen] == ([] if split == 'train' else ['epoch_1.pth'])
    assert read_run_state(run.folder)['data'] == data


@pytest.mark.parametrize('selection', ['last', 'best'])
def test_validation_data_matter_where_they_select_the_epoch(tmp_path, selection):
    from mmgala.comparison.data_state import must_train_again

    data = {name: dict(labels='a') for name in ('train', 'val', 'test')}
    ce, ncm = plan_runs(
        small_config(), find_methods(['ce', 'ncm']), [0], tmp_path, selection, data
    )
    for run in (ce, ncm):
        write_run_state(
            run.folder,
            dict(status='finished', hash=run.hash, files=[],
                 data={**data, 'val': dict(labels='b')}),
        )  # fmt: skip

    assert must_train_again(ce) == (selection == 'best')
    assert must_train_again(ncm)
    assert ce.has_finished
    assert not ce.finished
