"""Differences between rows: pooled seeds, groups, classes, and many comparisons."""

import itertools

import numpy as np
import pytest
from scipy import stats

from mmgala.analysis.differences import Differences, holm, sign_flip_p_value
from mmgala.analysis.intervals import difference_estimate, simultaneous
from mmgala.analysis.rows import Row, pareto_front


def row_of(correct, method='a', post_hoc='', seeds=None):
    correct = np.asarray(correct, dtype=bool)
    seeds = seeds or tuple(range(len(correct)))
    runs = [{'top1': 100 * c.mean(), 'class_mean': 100 * c.mean()} for c in correct]
    return Row(method + post_hoc, method, post_hoc, seeds, runs, correct)


@pytest.mark.parametrize('seed', range(5))
def test_holm_is_the_step_down_procedure(seed):
    p_values = np.random.default_rng(seed).random(8) ** 3
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.2):
        rejected = set()
        for step, index in enumerate(np.argsort(p_values)):
            if p_values[index] > level / (8 - step):
                break
            rejected.add(index)
        assert {*np.flatnonzero(adjusted <= level)} == rejected


@pytest.mark.parametrize(('wins', 'losses'), [(0, 0), (5, 0), (3, 9), (40, 22), (1, 1)])
def test_sign_flips_of_one_seed_are_the_exact_test_of_mcnemar(wins, losses):
    before = np.repeat([0, 1, 1], [wins, losses, 7])[None]
    after = np.repeat([1, 0, 1], [wins, losses, 7])[None]
    differing = wins + losses
    expected = stats.binomtest(wins, differing).pvalue if differing else 1.0
    assert sign_flip_p_value(before, after) == pytest.approx(expected)


@pytest.mark.parametrize('seeds', [(3, 3), (2, 3), (1, 4)])
def test_sign_flips_of_seeds_are_all_choices_of_signs(seeds):
    rng = np.random.default_rng(sum(seeds))
    before, after = (
        rng.random((s, 9)) < level for s, level in zip(seeds, (0.4, 0.7), strict=True)
    )
    gains = after.mean(axis=0) - before.mean(axis=0)
    sums = [abs(signs @ gains) for signs in itertools.product([-1, 1], repeat=9)
            for signs in [np.array(signs)]]  # fmt: skip
    expected = np.mean(np.array(sums) >= abs(gains.sum()) - 1e-9)
    assert sign_flip_p_value(before, after) == pytest.approx(expected)


def test_many_images_of_several_seeds_take_no_exponential_time():
    rng = np.random.default_rng(0)
    before, after = rng.random((2, 3, 5000)) < np.array([0.5, 0.53])[:, None, None]
    gains = after.mean(axis=0) - before.mean(axis=0)
    normal = 2 * stats.norm.sf(abs(gains.sum()) / np.sqrt((gains**2).sum()))
    assert sign_flip_p_value(before, after) == pytest.approx(normal, rel=0.05)


def test_the_spread_over_seeds_is_pooled_over_methods_as_in_an_analysis_of_variance():
    rng = np.random.default_rng(0)
    targets = np.zeros(2000, dtype=int)
    levels = rng.normal(0.6, 0.02, (5, 3))
    rows = [
        row_of(rng.random((3, 2000)) < level[:, None], str(k))
        for k, level in enumerate(levels)
    ]
    means = np.array([row.correct.mean(axis=1) for row in rows])
    residual = means.var(axis=1, ddof=1).mean()
    # Two of the methods that vary no more than the others.
    first, second = np.argsort(means.var(axis=1))[:2]
    found = Differences(rows, targets).estimate(rows[first], rows[second])
    assert found.seeds.value == pytest.approx(residual * 2 / 3)
    assert found.seeds.freedom == 10


def test_a_pair_that_varies_more_than_the_others_has_its_own_spread():
    targets = np.zeros(100, dtype=int)
    steady = [
        row_of(np.arange(100) < np.array([[60], [60], [61]]), str(k)) for k in range(4)
    ]
    wild = row_of(np.arange(100) < np.array([[20], [60], [95]]), 'wild')
    rows = [*steady, wild]
    found = Differences(rows, targets).estimate(steady[0], wild)
    means = [row.correct.mean(axis=1) for row in (steady[0], wild)]
    expected = np.mean([m.var(ddof=1) for m in means]) * 2 / 3
    assert found.seeds.value == pytest.approx(expected)


@pytest.mark.parametrize('seeds', [2, 3])
@pytest.mark.parametrize('spread', [0.005, 0.03])
def test_few_seeds_have_intervals_that_cover_the_truth(seeds, spread):
    """Alone and together, whether images or seeds make most of the difference."""
    rng = np.random.default_rng(0)
    levels = np.array([0.50, 0.52, 0.54, 0.56])
    truth = 100 * (levels - levels[0])
    targets = np.arange(300) % 10
    draws, alone, together = 300, 0, 0
    for _ in range(draws):
        hard = rng.random(300)  # the same images are hard for all methods
        noise = rng.uniform(-0.1, 0.1, (4, seeds, 300))
        moved = levels[:, None, None] + rng.normal(0, spread, (4, seeds, 1))
        rows = [row_of(right, str(k)) for k, right in enumerate(hard + noise < moved)]
        differences = Differences(rows, targets)
        found = differences.from_first(rows[0])['3']
        alone += found.low <= truth[3] <= found.high
        all_found = differences.all_from(rows[0])
        together += all(v.low <= truth[int(k)] <= v.high for k, v in all_found.items())
    # 95 %, less three standard errors of so many draws.
    least = 0.95 - 3 * np.sqrt(0.95 * 0.05 / draws)
    assert alone / draws > least
    assert together / draws > least


def test_post_hoc_steps_are_compared_on_each_training():
    """Trainings vary much, but the steps always add one point."""
    targets = np.zeros(100, dtype=int)
    right = np.array([[40], [60], [80]])
    rows = [
        row_of(np.arange(100) < right, 'a'),
        row_of(np.arange(100) < right + 1, 'a', '+'),
    ]
    found = Differences(rows, targets).estimate(*rows)
    assert found.mean == pytest.approx(0.01)
    assert found.seeds.value == pytest.approx(0)


def test_one_seed_each_leaves_the_images():
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], 60)
    rows = [row_of(rng.random((1, 120)) < 0.6, m) for m in 'abc']
    found = Differences(rows, targets).estimate(rows[0], rows[1])
    assert found == difference_estimate(rows[0].correct, rows[1].correct, targets)


def test_methods_of_different_seeds_are_compared():
    rng = np.random.default_rng(0)
    targets = np.zeros(400, dtype=int)
    rows = [
        row_of(rng.random((3, 400)) < 0.6, 'a'),
        row_of(rng.random((1, 400)) < 0.7, 'b'),
    ]
    found = Differences(rows, targets).estimate(*rows)
    own = rows[0].correct.mean(axis=1).var(ddof=1)
    assert found.seeds.value == pytest.approx(own * (1 / 3 + 1))
    assert found.mean == pytest.approx(rows[1].correct.mean() - rows[0].correct.mean())


def test_an_unbalanced_test_set_is_compared_by_its_class_mean():
    targets = np.repeat([0, 1], [90, 10])
    rows = [row_of([targets == 0]), row_of([targets >= 0], 'b')]
    differences = Differences(rows, targets)
    assert differences.between(*rows).mean == pytest.approx(50)
    groups = differences.of_groups(*rows, {'many': np.array([0]), 'few': np.array([1])})
    assert [round(gap.mean) for gap in groups.values()] == [0, 100]


def test_intervals_from_the_first_hold_all_together():
    rng = np.random.default_rng(0)
    targets = np.zeros(300, dtype=int)
    rows = [row_of(rng.random((1, 300)) < 0.6, m) for m in 'abcd']
    differences = Differences(rows, targets)
    alone, together = differences.from_first(rows[0]), differences.all_from(rows[0])
    estimate = differences.estimate(rows[0], rows[2])
    assert alone['c'] == estimate.interval()
    assert together['c'] == estimate.interval(simultaneous(3))
    assert differences.from_first(None) == {}


def test_the_truly_best_row_is_level_with_the_highest():
    """In 95 % of cases, also if several are equally good."""
    rng = np.random.default_rng(0)
    levels = np.array([0.60, 0.60, 0.60, 0.55, 0.4])
    targets = np.zeros(200, dtype=int)
    missed = worst_left = 0
    for _ in range(300):
        rows = [row_of(rng.random((1, 200)) < p, str(k)) for k, p in enumerate(levels)]
        level = [row.method for row in Differences(rows, targets).level_with_highest()]
        missed += '0' not in level
        worst_left += '4' in level
    assert missed / 300 < 0.05
    assert worst_left / 300 < 0.2


def test_classes_have_their_numbers_and_adjusted_p_values():
    rng = np.random.default_rng(0)
    targets = rng.permutation(np.repeat([0, 1, 2], [30, 12, 50]))
    first, second = rng.random((2, 92)) < 0.5
    second[targets == 2] = True
    rows = [row_of([first]), row_of([second], 'b')]
    groups = {'many': np.array([2]), 'few': np.array([0, 1])}
    changes = Differences(rows, targets).of_classes(*rows, groups)
    assert [change.index for change in changes] == [0, 1, 2]
    exact = []
    for c, change in enumerate(changes):
        before, after = first[targets == c], second[targets == c]
        assert change.images == (targets == c).sum()
        assert (change.before, change.after) == pytest.approx(
            (100 * before.mean(), 100 * after.mean())
        )
        wins, losses = (after & ~before).sum(), (before & ~after).sum()
        exact.append(stats.binomtest(wins, wins + losses).pvalue)
    assert [change.p_value for change in changes] == pytest.approx(
        holm(np.array(exact))
    )
    assert [change.beyond_chance for change in changes] == [False, False, True]


def test_a_class_that_varies_with_the_seed_is_not_beyond_chance():
    """Each seed has all images right or all wrong: images alone would look certain."""
    right = np.zeros((4, 60), dtype=bool)
    luckier = right.copy()
    right[0], luckier[:3] = True, True
    rows = [row_of(right), row_of(luckier, 'b')]
    targets = np.zeros(60, dtype=int)
    assert sign_flip_p_value(right, luckier) < 1e-6
    (change,) = Differences(rows, targets).of_classes(*rows, {'few': np.array([0])})
    assert change.gain == pytest.approx(50)
    assert not change.beyond_chance


@pytest.mark.parametrize('seed', range(3))
def test_front_is_that_of_comparing_every_pair(seed):
    values = np.random.default_rng(seed).integers(0, 6, (30, 2)).astype(float)
    expected = [
        not any((other >= own).all() and (other > own).any() for other in values)
        for own in values
    ]
    assert pareto_front(values).tolist() == expected
