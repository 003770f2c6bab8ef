"""tools/analysis/report.py: an HTML report from work dirs."""

import json
import shutil
import sys

import numpy as np
import pytest

from mmgala.analysis import describe_gradients, write_record
from mmgala.datasets import DigitsDataset
from mmgala.functional import ShotThresholds
from tests.analysis.gradient_records import make_record, write_run
from tests.evaluation.predictions import biased_scores
from tests.reference.rebalance_numpy import rebalance
from tests.tools.command_line import assert_one_line, load_tool

COUNTS = np.array([200, 150, 40, 30, 9, 3])


def call(*arguments):
    """Run the tool's ``main``; return its error or ``None``."""
    tool = load_tool('analysis/report')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', ['report.py', *map(str, arguments)])
        try:
            tool.main()
        except SystemExit as end:
            return end.code
    return None


@pytest.fixture
def work_dirs(tmp_path):
    folders = [tmp_path / name for name in ('ce', 'gala')]
    for folder in folders:
        folder.mkdir()
        scores, targets = biased_scores(120, 6)
        np.savez(
            folder / 'predictions.npz',
            pred_score=scores,
            gt_label=targets,
            class_counts=COUNTS,
        )
    return folders


def test_writes_page_and_numbers(tmp_path, work_dirs, capsys):
    out = tmp_path / 'new' / 'page.html'
    assert call(*work_dirs, '--out', out, '--tau', 1.5, '--title', 'Mine') is None
    report = json.loads(out.with_suffix('.json').read_text())
    assert report['title'] == 'Mine'
    assert [run['name'] for run in report['runs']] == ['ce', 'gala']
    assert report['runs'][0]['predictions']['tau'] == 1.5
    assert [entry['count'] for entry in report['classes']] == COUNTS.tolist()
    assert '<title>Mine</title>' in out.read_text()
    printed = capsys.readouterr().err
    assert f'mmgala vectors CONFIG CHECKPOINT --out {work_dirs[0]}' in printed
    assert f'Wrote the report to {out}' in printed


def test_a_comparison_is_reported_whole(tmp_path, work_dirs):
    """As its trainings are, one by one."""
    compared = tmp_path / 'compared'
    for seed, work_dir in enumerate(work_dirs):
        for method in ('ce', 'a', 'b', 'c', 'd'):
            run = compared / method / f'seed{seed}'
            run.mkdir(parents=True)
            shutil.copy(work_dir / 'predictions.npz', run / 'test.npz')
            state = dict(status='finished', method=method, seed=seed)
            (run / 'run.json').write_text(json.dumps(state))
    assert call(compared, '--out', tmp_path / 'r.html') is None
    report = json.loads((tmp_path / 'r.json').read_text())
    assert report['title'] == 'Report on 5 methods'
    methods = [(m['name'], m['runs'], m['seeds']) for m in report['methods']]
    assert methods[:2] == [('a', [0, 1], [0, 1]), ('b', [2, 3], [0, 1])]
    assert len(report['missing']) == 2
    assert call(work_dirs[0], '--out', tmp_path / 'one.html') is None
    alone = json.loads((tmp_path / 'one.json').read_text())['runs'][0]['predictions']
    assert report['runs'][0]['predictions'] == alone


DIGITS = """
default_scope = 'mmpretrain'
test_dataloader = dict(
    dataset=dict(type='mmgala.DigitsDataset', split='test', pipeline=[]),
)
"""


def test_page_has_pictures_only_if_asked_for(tmp_path, capsys):
    folder = tmp_path / 'ce'
    folder.mkdir()
    targets = DigitsDataset('test').get_gt_labels()
    scores = np.random.default_rng(0).dirichlet(np.ones(10), 500).astype(np.float32)
    np.savez(
        folder / 'predictions.npz',
        pred_score=scores,
        gt_label=targets,
        class_counts=np.arange(1, 11),
    )
    (folder / 'c.py').write_text(DIGITS)
    out = tmp_path / 'r.html'
    assert call(folder, '--out', out, '--images') is None
    with_images, printed = out.read_text(), ''.join(capsys.readouterr())
    assert '"images":["data:image/png;base64,' in with_images
    assert 'no images' not in printed
    assert 'data:image' not in out.with_suffix('.json').read_text()
    (folder / 'c.py').write_text('raise SystemExit("the config was executed")')
    assert call(folder, '--out', out) is None
    assert '"images":null' in out.read_text()
    (folder / 'c.py').unlink()
    assert call(folder, '--out', out, '--images') is None
    printed = ''.join(capsys.readouterr())
    assert f'{folder} does not have exactly one config' in printed


def test_names_and_thresholds_can_be_given(tmp_path, work_dirs):
    options = ('--names', 'a', 'b', '--many', 180, '--few', 35)
    assert call(*work_dirs, '--out', tmp_path / 'r.html', *options) is None
    report = json.loads((tmp_path / 'r.json').read_text())
    assert [run['name'] for run in report['runs']] == ['a', 'b']
    groups = [entry['group'] for entry in report['classes']]
    assert groups == ['many', 'medium', 'medium', 'few', 'few', 'few']


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (('--names', 'a'), 'for each of the 2 WORK_DIRs, but got 1'),
        (('--names', 'a', 'a'), 'different --names'),
        (('--names', 'a', ''), '--names that are not empty'),
        (('--out', 'report.json'), '--out must end in .html, but is report.json'),
        (('--tau', -1), 'tau'),
        (('--tau', 'high'), '--tau takes a number or auto'),
        (('--tau', 'auto'), 'needs validation scores of mmgala compare, and .*ce has'),
        (('--many', 5, '--few', 20), '`few` <= `many`'),
    ],
)
def test_wrong_options_give_a_one_line_error(work_dirs, options, message):
    assert_one_line(call(*work_dirs, *options), message)


def test_an_empty_work_dir_gives_a_one_line_error(tmp_path):
    assert_one_line(call(tmp_path, '--out', tmp_path / 'r.html'), 'no predictions.npz')
    assert not (tmp_path / 'r.html').exists()


def test_thresholds_default_to_those_of_the_gradient_statistics(tmp_path, work_dirs):
    for folder in work_dirs:
        names = map(str, range(6))
        write_run(
            folder,
            epochs=1,
            names=names,
            counts=COUNTS,
            thresholds=ShotThresholds(180, 35),
        )
    out = tmp_path / 'page.html'
    assert call(*work_dirs, '--out', out) is None
    report = json.loads(out.with_suffix('.json').read_text())
    assert report['limits'] == {'many': 180, 'few': 35}
    assert_one_line(
        call(*work_dirs, '--out', out, '--many', 150),
        'many > 150, few < 35.*--many 180',
    )


def test_each_stage_of_a_cascade_is_a_run(tmp_path, capsys):
    folder = tmp_path / 'cascade' / 'gradient_statistics'
    records = [
        make_record(1, seed=seed, thresholds=ShotThresholds(90, 10)) for seed in (0, 9)
    ]
    for record, stage in zip(records, ('0.loss_cls', '1.loss_cls'), strict=True):
        write_record(record, folder / stage)
    assert call(tmp_path / 'cascade', '--out', tmp_path / 'r.html') is None
    report = json.loads((tmp_path / 'r.json').read_text())
    assert report['limits'] == {'many': 90, 'few': 10}
    assert [run['name'] for run in report['runs']] == [
        'cascade 0.loss_cls',
        'cascade 1.loss_cls',
    ]
    for run, record in zip(report['runs'], records, strict=True):
        expected = describe_gradients([record])['ratio']
        assert run['gradients']['ratio'] == pytest.approx(expected)
    assert report['missing'] == []  # a stage has no class weight vectors
    assert 'has no' not in capsys.readouterr().err


def test_predictions_beside_the_stages_are_a_run_too(tmp_path, work_dirs):
    counts = dict(counts=COUNTS, names=[str(c) for c in range(6)])
    write_record(make_record(1, **counts), work_dirs[0] / 'gradient_statistics' / 'a')
    write_record(make_record(1, **counts), work_dirs[0] / 'gradient_statistics' / 'b')
    assert call(*work_dirs, '--out', tmp_path / 'r.html') is None
    report = json.loads((tmp_path / 'r.json').read_text())
    parts = {
        run['name']: {part for part in run if part != 'name' and run[part]}
        for run in report['runs']
    }
    assert parts == {
        'ce': {'predictions'},
        'ce a': {'gradients'},
        'ce b': {'gradients'},
        'gala': {'predictions'},
    }


@pytest.fixture
def long_tailed(tmp_path):
    """A work dir with predictions on a test set of 60, 20, 10, 6, 3 and 1 samples."""
    scores, targets = biased_scores(600, 6)
    sizes = (60, 20, 10, 6, 3, 1)
    kept = [np.flatnonzero(targets == c)[:size] for c, size in enumerate(sizes)]
    kept = np.concatenate(kept)
    folder = tmp_path / 'long_tailed'
    folder.mkdir()
    arrays = dict(pred_score=scores[kept], gt_label=targets[kept])
    np.savez(folder / 'predictions.npz', **arrays, class_counts=10 * np.array(sizes))
    return folder


def test_balanced_classes_that_are_not_are_a_warning(tmp_path, long_tailed, capsys):
    out = tmp_path / 'r.html'

    assert call(long_tailed, '--out', out) is None

    (warning,) = json.loads(out.with_suffix('.json').read_text())['warnings']
    assert 'class 0 16.7 % assumed, 60.0 % seen' in warning
    assert '--target-prior train or FILE' in warning
    assert capsys.readouterr().err.splitlines()[-1] == f'warning: {warning}'
    assert call(long_tailed, '--out', out, '--tau', 0) is None
    assert json.loads(out.with_suffix('.json').read_text())['warnings'] == []


def test_report_for_the_shares_of_the_training_set(tmp_path, long_tailed):
    out = tmp_path / 'r.html'
    share = np.array([60, 20, 10, 6, 3, 1]) / 100
    (tmp_path / 'share.json').write_text(json.dumps(share.tolist()))

    for prior in ('train', tmp_path / 'share.json'):
        assert call(long_tailed, '--out', out, '--target-prior', prior) is None

        report = json.loads(out.with_suffix('.json').read_text())
        stored = np.load(long_tailed / 'predictions.npz')
        expected = rebalance(stored['pred_score'], 1.0, target_prior=share)
        top1 = 100 * (expected.argmax(axis=1) == stored['gt_label']).mean()
        metrics = report['runs'][0]['predictions']['rebalanced']['metrics']
        assert metrics['top1'] == pytest.approx(top1)
        assert report['warnings'] == []


def test_report_has_no_validation_labels(long_tailed):
    end = call(long_tailed, '--target-prior', 'val')

    assert_one_line(end, '--target-prior val needs .* FILE')
