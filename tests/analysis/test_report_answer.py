"""The answer of a report: methods over their seeds, raw and re-balanced."""

import json

import numpy as np
import pytest

from mmgala.analysis.run_report import merge_runs, read_run
from tests.analysis.test_run_report import COUNTS, NAMES, add_gradients, add_vectors


def predictions(folder, level, seed, sizes=(40,) * 6):
    """Scores that are right with this probability, biased towards the head."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(6), sizes)
    logits = rng.normal(size=(len(targets), 6)) + np.linspace(1, -1, 6)
    logits[np.arange(len(targets)), targets] += 4 * level
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    folder.mkdir(parents=True)
    np.savez(
        folder / 'predictions.npz', pred_score=scores.astype(np.float32),
        gt_label=targets, class_counts=COUNTS, class_names=NAMES,
    )  # fmt: skip
    return 100 * np.mean(scores.argmax(axis=1) == targets)


@pytest.fixture
def work_dirs(tmp_path):
    """Three seeds of a bad and a good method, and their top-1."""
    return {
        f'{name}, seed {seed}': (
            tmp_path / name / str(seed),
            predictions(tmp_path / name / str(seed), level, 10 * seed + (level > 0.5)),
        )
        for name, level in (('CE', 0.2), ('GALA', 0.9))
        for seed in range(3)
    }


def texts(report):
    return {line['topic']: line['text'] for line in reversed(report['answer'])}


def test_seeds_are_one_method_with_the_mean_of_their_accuracies(work_dirs):
    runs = [read_run(folder, name) for name, (folder, _) in work_dirs.items()]
    report = merge_runs(runs, 'x')
    assert [(m['name'], m['runs'], m['seeds']) for m in report['methods']] == [
        ('CE', (0, 1, 2), (0, 1, 2)), ('GALA', (3, 4, 5), (0, 1, 2)),
    ]  # fmt: skip
    text = texts(report)['accuracy']
    best = [
        run.predictions[kind]['metrics']['top1']
        for kind in (['rebalanced'] if 'GALA + re-balancing ' in text[:20] else ['raw'])
        for run in runs[3:]
    ]
    assert f'{np.mean(best):.1f} ± {np.std(best, ddof=1):.1f} % (mean' in text
    first = np.mean([top1 for _, top1 in [*work_dirs.values()][:3]])
    assert f'{np.mean(best) - first:+.1f} points over CE' in text
    assert 'of the seeds' in report['answer_note']
    json.dumps(report, allow_nan=False)


def test_one_run_is_compared_with_its_rebalanced_predictions(work_dirs):
    folder, _ = work_dirs['CE, seed 0']
    (folder / 'c.py').write_text('')
    (folder / 'last_checkpoint').write_text(f'{folder}/epoch_2.pth')
    report = merge_runs([read_run(folder, 'CE')], 'x')
    found = texts(report)
    assert 'CE + re-balancing' in found['accuracy']
    assert 'With CE, few-shot accuracy' in found['groups']
    commands = [line['command'] for line in report['answer'] if line['command']]
    assert f'{folder}/c.py' in commands[0]
    assert 'one seed' in report['answer_note']


def test_an_unbalanced_test_set_is_led_by_the_class_mean(tmp_path):
    predictions(tmp_path / 'a', 0.5, 0, (90, 50, 30, 10, 5, 1))
    report = merge_runs([read_run(tmp_path / 'a', 'a')], 'x')
    assert 'class mean' in texts(report)['accuracy']
    assert report['answer_note'].startswith('The test set is not balanced')


def test_without_predictions_it_says_so_and_how_to_make_them(tmp_path):
    add_gradients(tmp_path / 'a')
    add_vectors(tmp_path / 'a')
    report = merge_runs([read_run(tmp_path / 'a', 'a')], 'x')
    first, second = report['answer']
    assert 'no predictions' in first['text']
    assert second['command'].startswith('mmgala test CONFIG CHECKPOINT --out')


def test_runs_without_predictions_are_left_out(tmp_path, work_dirs):
    add_gradients(tmp_path / 'z')
    folder, _ = work_dirs['GALA, seed 0']
    runs = [read_run(tmp_path / 'z', 'z'), read_run(folder, 'GALA')]
    text = texts(merge_runs(runs, 'x'))['accuracy']
    assert 'over GALA (' in text
    assert 'z' not in text
