"""Comparisons on a test set that has the skewed class shares of its training set."""

import json

import numpy as np
import pytest

from mmgala.analysis.compared_scores import Scores, read_scores
from mmgala.analysis.rows import is_balanced, leading_metric
from mmgala.cli.commands import report as report_command
from mmgala.cli.programs.report import run as report
from mmgala.comparison import find_methods, plan_runs, write_report
from mmgala.comparison.results import apply_post_hoc
from mmgala.comparison.runs import CONFIG, LOG, write_run_state
from tests.comparison.small import small_config

COUNTS = np.array([400, 80, 20])
SIZES = np.array([200, 40, 10])


def draw(seed, bias=0.0):
    """Softmax scores of a classifier that favours frequent classes, and labels.

    Logits are normal around the label's class; ``bias`` times the log of the class's
    share is added, so that 1 is what cross-entropy learns.
    """
    rng = np.random.default_rng(seed)
    target = np.repeat(np.arange(3), SIZES)
    logits = rng.normal(size=(len(target), 3))
    logits[np.arange(len(target)), target] += 1.5
    logits += bias * np.log(COUNTS / COUNTS.sum())
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return scores.astype(np.float32), target


def class_mean(predicted, target):
    return 100 * np.mean([(predicted[target == c] == c).mean() for c in range(3)])


@pytest.mark.parametrize(
    ('sizes', 'balanced'),
    [((10, 10, 10), True), ((15, 10), True), ((16, 10), False), ((200, 1), False)],
)
def test_what_counts_as_balanced(sizes, balanced):
    target = np.repeat(np.arange(len(sizes)), sizes)
    assert is_balanced(target) == balanced
    assert leading_metric(target) == ('top1' if balanced else 'class_mean')


def best_on_validation(scores, target, weight, prior, strengths):
    """The strength with the highest weighted accuracy, by the formula."""
    mass = (weight[:, None] * scores).sum(axis=0)
    accuracies = []
    for tau in strengths:
        predicted = (scores * (prior * 3) ** tau / mass**tau).argmax(axis=1)
        accuracies.append(weight @ (predicted == target))
    best = max(accuracies) - 1e-9
    return next(
        t for t, a in zip(strengths, accuracies, strict=True) if a >= best
    ), mass


STRENGTHS = [step / 10 for step in range(31)]


def test_without_a_prior_the_validation_marginal_serves_the_mean_over_classes():
    (val, val_target), (test, target) = draw(0, bias=1.0), draw(1, bias=1.0)
    scores = Scores(test, target, COUNTS, val, val_target)

    changed, chosen = apply_post_hoc(scores, 'rebalancing')

    weight = 1 / (3 * SIZES[val_target])
    uniform = np.full(3, 1 / 3)
    tau, mass = best_on_validation(val, val_target, weight, uniform, STRENGTHS)
    expected = (test / mass**tau).argmax(axis=1)
    assert chosen == {'rebalancing': pytest.approx(tau)}
    np.testing.assert_array_equal(changed.numpy().argmax(axis=1), expected)
    raw = class_mean(test.argmax(axis=1), target)
    assert class_mean(expected, target) > raw + 10


def test_with_the_training_prior_the_test_marginal_serves_top1():
    (val, val_target), (test, target) = draw(0), draw(1)  # a balanced classifier
    scores = Scores(test, target, COUNTS, val, val_target)
    prior = COUNTS / COUNTS.sum()

    changed, chosen = apply_post_hoc(scores, 'rebalancing', prior)

    weight = (prior / SIZES)[val_target]
    tau, _ = best_on_validation(val, val_target, weight, prior, STRENGTHS)
    mass = test.sum(axis=0, dtype=np.float64)
    expected = (test * prior**tau / mass**tau).argmax(axis=1)
    assert chosen == {'rebalancing': pytest.approx(tau)}
    np.testing.assert_array_equal(changed.numpy().argmax(axis=1), expected)
    assert (expected == target).mean() > (test.argmax(axis=1) == target).mean() + 0.05


@pytest.fixture
def finished(tmp_path):
    """Runs of a method that is good for frequent classes, and of one for all."""
    runs = plan_runs(small_config(), find_methods(['ce', 'gala']), [0, 1], tmp_path)
    for run in runs:
        run.folder.mkdir(parents=True)
        for split, seed in (('val', 2), ('test', 0)):
            scores, target = draw(run.seed + seed, bias=float(run.method == 'ce'))
            np.savez(run.folder / f'{split}.npz', pred_score=scores, gt_label=target,
                     class_counts=COUNTS)  # fmt: skip
        for name in (CONFIG, LOG):
            (run.folder / name).write_text('')
        files = ['val.npz', 'test.npz', CONFIG, LOG]
        write_run_state(run.folder, dict(status='finished', hash=run.hash, files=files))
    return runs


def test_the_mean_over_classes_leads(finished, tmp_path):
    text = write_report(finished, tmp_path, 'last', ['rebalancing'])

    results = json.loads((tmp_path / 'results.json').read_text())
    means = {
        (method, seed): class_mean(scores.argmax(axis=1), target)
        for seed in (0, 1)
        for method, bias in (('ce', 1.0), ('gala', 0.0))
        for scores, target in [draw(seed, bias)]
    }
    gain = np.mean([means['gala', seed] - means['ce', seed] for seed in (0, 1)])
    row = next(row for row in results['rows'] if row['name'] == 'gala')
    assert row['class_mean_over_first']['mean'] == pytest.approx(gain, abs=1e-3)
    assert "class mean (the mean of all classes' accuracies): " in text
    assert 'class mean over ce (95 %)' in text
    assert 'The test set is not balanced, so the mean of all classes' in text
    assert 'steps aim at the class mean' in text


@pytest.mark.parametrize('prior', [None, 'train', 'val'])
def test_a_report_re_balances_each_run_as_the_table_does(finished, tmp_path, prior):
    write_report(finished, tmp_path, 'last', ['rebalancing'], target_prior=prior)
    rows = json.loads((tmp_path / 'results.json').read_text())['rows']
    expected = {
        f'{row["method"]}, seed {run["seed"]}': run
        for row in rows
        if row['post_hoc'] == 'rebalancing'
        for run in row['runs']
    }
    assert len({run['rebalancing'] for run in expected.values()}) > 1
    words = [str(tmp_path), '--out', str(tmp_path / 'r.html')]
    words += ['--target-prior', prior or 'balanced']

    for flags in ([], ['--tau', 'auto']):
        report(report_command.build_parser().parse_args([*words, *flags]))

        runs = json.loads((tmp_path / 'r.json').read_text())['runs']
        assert {run['name'] for run in runs} == set(expected)
        for run in runs:
            found, wanted = run['predictions'], expected[run['name']]
            assert found['tau'] == pytest.approx(wanted['rebalancing'])
            for metric in ('top1', 'class_mean', 'worst_class', 'ece'):
                value = found['rebalanced']['metrics'][metric]
                assert value == pytest.approx(wanted[metric], abs=1e-3)


def test_the_training_prior_is_said(finished, tmp_path):
    steps = ['rebalancing']
    text = write_report(finished, tmp_path, 'last', steps, target_prior='train')

    assert 'aim at top-1 on data with the class shares of the training set' in text
    assert 'labels of the test set contradict them' not in text


def test_other_aims_are_said_and_compared_with_the_test_labels(finished, tmp_path):
    steps, aim = ['rebalancing'], 'aim at top-1 on data with '

    of_val = write_report(finished, tmp_path, 'last', steps, target_prior='val')
    given = write_report(
        finished, tmp_path, 'last', steps, target_prior=[0.1, 0.2, 0.7]
    )

    assert aim + 'the class shares of the validation set' in of_val
    assert 'contradict' not in of_val  # both sets have the same shares
    assert aim + 'the given class shares' in given
    last = given.strip().splitlines()[-1]
    assert (
        'labels of the test set contradict them: class 0 10.0 % assumed, 80.0 %' in last
    )
    assert '--target-prior balanced, train, val or FILE' in last


def test_scores_of_other_classes_are_not_used_for_choices(tmp_path):
    """A validation set that was predicted with a class list of its own."""
    scores, target = draw(0)
    for split, names in (('test', 'abc'), ('val', 'acd')):
        np.savez(tmp_path / f'{split}.npz', pred_score=scores, gt_label=target,
                 class_counts=COUNTS, class_names=list(names))  # fmt: skip

    with pytest.raises(ValueError, match=r"class 1 is 'b' and 'c'.*write both again"):
        read_scores(tmp_path)
