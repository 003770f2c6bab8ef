"""The report of runs with artificial predictions."""

import json

import numpy as np
import pytest

from mmgala.comparison import find_methods, plan_runs, write_report
from mmgala.comparison.report import plot_outliers
from mmgala.comparison.runs import CONFIG, LOG, write_run_state
from mmgala.functional import ShotThresholds
from tests.comparison.small import small_config

CLASSES, PER_CLASS = 10, 40
COUNTS = np.array([103, 67, 43, 28, 18, 11, 7, 5, 3, 2])
TARGETS = np.repeat(np.arange(CLASSES), PER_CLASS)
# Right test images of each class, of 40: many is better of one, few of the other.
HITS = {'ce': [36] * 5 + [4] * 5, 'gala': [30] * 10, 'ldam': [20] * 10}


def scores_with(hits, seed):
    """Softmax scores that are right for so many images of each class."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(np.arange(PER_CLASS), (CLASSES, 1)), axis=1)
    right = (shuffled < np.array(hits)[:, None]).ravel()
    predicted = np.where(right, TARGETS, (TARGETS + 1) % CLASSES)
    scores = np.full((len(TARGETS), CLASSES), 0.05, dtype=np.float32)
    scores[np.arange(len(TARGETS)), predicted] = 0.55
    return scores


def finish(run, scores):
    run.folder.mkdir(parents=True)
    np.savez(
        run.folder / 'test.npz',
        pred_score=scores, gt_label=TARGETS, class_counts=COUNTS,
    )  # fmt: skip
    for name in (CONFIG, LOG):
        (run.folder / name).write_text('')
    files = ['test.npz', CONFIG, LOG]
    write_run_state(run.folder, dict(status='finished', hash=run.hash, files=files))


@pytest.fixture
def reported(tmp_path):
    """A report of three methods and seeds, of which one run diverged, one failed."""
    runs = plan_runs(small_config(), find_methods(HITS), range(3), tmp_path)
    for run in runs:
        if (run.method, run.seed) == ('ldam', 2):
            run.folder.mkdir(parents=True)
            write_run_state(run.folder, dict(status='failed', error='no reason'))
            continue
        scores = scores_with(HITS[run.method], run.seed)
        if (run.method, run.seed) == ('gala', 1):
            scores[:] = np.nan
        finish(run, scores)
    thresholds = ShotThresholds(many=40, few=10)
    text = write_report(runs, tmp_path, 'last', thresholds=thresholds)
    results = json.loads((tmp_path / 'results.json').read_text())
    written = (tmp_path / 'results.md').read_text()
    assert f'mmgala fit {tmp_path}/gala/seed0/config.py' in text
    assert [line for line in text.splitlines() if '  mmgala ' not in line] == (
        written.splitlines()
    )
    return written, results, tmp_path


def test_it_begins_with_the_conclusions(reported):
    text, results, _ = reported
    data, found = text.split('\n\n')[:2]
    assert data == (
        'DigitsDataset, config resnet14_digits-lt: 10 classes of 103 to 2 training '
        'images, 400 test images.'
    )
    best, groups, classes, calibration, *advice = found.splitlines()
    assert best.startswith(
        '- gala is best in top-1 accuracy: 75.0 ± 0.0 % (mean ± standard deviation of '
        '2 seeds), +25.0 points over ce (95 % interval +'
    )
    assert 'few-shot accuracy rises from 10.0 to 75.0 %' in groups
    assert 'many-shot accuracy falls from 90.0 to 75.0 %' in groups
    assert '(Pareto-optimal): ce and gala.' in groups
    assert '5 classes gain beyond chance, most of all "' in classes
    assert '(+65.0 points on 40 test images)' in classes
    assert 'gala is under-confident: on average it is 55.0 % sure' in calibration
    assert 'A temperature below 1' in advice[0]
    assert [f'- {line}' for line in results['verdict']] == found.splitlines()
    assert (
        'many: classes of more than 40 training images; few: of fewer than 10' in text
    )
    assert 'choose a method on validation data' in results['statement']


def test_rows_mention_missing_seeds(reported):
    text, results, folder = reported
    names = [line.split('|')[1].strip() for line in text.splitlines() if '|' in line]
    assert names[2:] == ['ce', 'gala (2 of 3 seeds)', 'ldam (2 of 3 seeds)']
    assert (
        '- gala, seed 1: the training diverged: its scores are not finite '
        '(gala/seed1/train.log)\n- ldam, seed 2: no reason (ldam/seed2/train.log)'
    ) in text
    assert str(folder) not in text
    assert [run['status'] for run in results['runs']].count('failed') == 2
    gain = next(row for row in results['rows'] if row['name'] == 'gala')
    assert gain['top1_over_first']['mean'] == pytest.approx(25)
    assert [run['seed'] for run in gain['runs']] == [0, 2]
    assert gain['runs'][0]['few'] == pytest.approx(75)


def test_equal_methods_are_not_significantly_different(tmp_path):
    runs = plan_runs(small_config(), find_methods(['ce', 'gala']), [0], tmp_path)
    for run in runs:
        finish(run, scores_with([30] * 10, run.method == 'gala'))
    text = write_report(runs, tmp_path, 'last')
    assert 'ce and gala do not differ beyond chance in top-1 accuracy: 75.0 %' in text
    assert 'but not the variation between trainings, as there is one seed' in text
    assert 'Each method was trained once: train three or more seeds' in text


def test_nothing_finished_says_so(tmp_path):
    runs = plan_runs(small_config(), find_methods(['ce']), [0], tmp_path)
    text = write_report(runs, tmp_path, 'last')
    assert text == 'DigitsDataset, config resnet14_digits-lt.\n\nNo run has finished.\n'


def test_only_points_far_below_and_behind_are_left_out():
    rng = np.random.default_rng(0)
    crowd = np.stack([80 + rng.random(12), 50 + 20 * rng.random(12)], axis=1)
    behind, for_the_tail = (11.0, 50.0), (20.0, 99.0)
    values = np.array([*crowd, behind, for_the_tail])
    assert np.flatnonzero(plot_outliers(values)).tolist() == [12]
    assert not plot_outliers(values[:1]).any()


def test_points_within_the_range_of_the_others_stay():
    values = np.array([[80, 50], [81, 51], [82, 52], [83, 53], [40, 50], [20, 99]])
    assert not plot_outliers(values).any()
    assert np.flatnonzero(plot_outliers(values[:-1])).tolist() == [4]
