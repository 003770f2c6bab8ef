"""Intervals against formulas of other authors, and how often they cover the truth."""

import numpy as np
import pytest
from scipy import stats

from mmgala.analysis.intervals import (
    Variance,
    accuracy_estimate,
    difference_estimate,
    paired_difference,
    simultaneous,
)
from mmgala.comparison import paired_difference as exported


def excess_of_sample(share, size):
    """By how much the squares of a sample grow with ``size - 1`` in place of ``size``.

    Both papers have ``size``, which is too small on average.
    """
    return share * (1 - share) * size / (size - 1)


@pytest.mark.parametrize(('right', 'size'), [(0, 10), (3, 20), (50, 50), (76, 100)])
def test_one_class_and_seed_is_the_interval_of_agresti_and_coull(right, size):
    found = accuracy_estimate(
        np.arange(size)[None] < right, np.zeros(size, dtype=int)
    ).interval()
    share = (right + 2) / (size + 4)
    squares = share * (1 - share) * (size + 4) + excess_of_sample(right / size, size)
    # With Student's quantile instead of a normal one, for the variance of few images.
    margin = stats.t(size - 1).ppf(0.975) * np.sqrt(squares) / (size + 4)
    assert found.mean == pytest.approx(100 * right / size)
    assert found.low == pytest.approx(100 * max(share - margin, 0))
    assert found.high == pytest.approx(100 * min(share + margin, 1))


@pytest.mark.parametrize(
    ('wins', 'losses', 'ties'), [(4, 0, 96), (9, 3, 40), (0, 0, 9)]
)
def test_one_class_and_seed_is_the_interval_of_agresti_and_min(wins, losses, ties):
    first = np.repeat([0, 1, 1], [wins, losses, ties])[None].astype(bool)
    second = np.repeat([1, 0, 1], [wins, losses, ties])[None].astype(bool)
    size = first.size
    found = paired_difference(first, second, np.zeros(size, dtype=int))
    b, c, n = wins + 0.5, losses + 0.5, size + 2
    own = np.var(second.astype(int) - first.astype(int))
    squares = b + c - (b - c) ** 2 / n + own * size / (size - 1)
    margin = stats.t(size - 1).ppf(0.975) * np.sqrt(squares) / n
    assert found.mean == pytest.approx(100 * (wins - losses) / size)
    assert found.low == pytest.approx(100 * ((b - c) / n - margin))
    assert found.high == pytest.approx(100 * ((b - c) / n + margin))


def test_classes_are_strata():
    """Differences between classes add no spread; spread within them does."""
    targets = np.repeat([0, 1], 50)
    first = np.zeros((1, 100), dtype=bool)
    as_class = np.repeat([[False, True]], 50, axis=1)
    mixed = np.tile([[False, True]], 50)
    apart = paired_difference(first, as_class, targets)
    together = paired_difference(first, mixed, targets)
    assert apart.mean == together.mean == 50
    assert apart.high - apart.low < 0.3 * (together.high - together.low)


def test_variance_of_a_class_mean_is_that_of_a_stratified_sample():
    rng = np.random.default_rng(0)
    sizes = np.array([400, 90, 60])
    targets = np.repeat(np.arange(3), sizes)
    correct = rng.random((1, 550)) < np.array([0.9, 0.5, 0.2])[targets]
    found = accuracy_estimate(correct, targets, class_mean=True)
    parts = [correct[0, targets == c].var(ddof=1) / 9 / n for c, n in enumerate(sizes)]
    # Up to the four pseudo-images.
    assert found.images.value == pytest.approx(sum(parts), rel=0.05)
    freedom = sum(parts) ** 2 / sum(
        p**2 / (n - 1) for p, n in zip(parts, sizes, strict=True)
    )
    assert found.images.freedom == pytest.approx(freedom)


def test_classes_of_one_image_are_not_without_spread():
    targets = np.arange(40)
    correct = (np.arange(40) % 2 == 0)[None]
    found = accuracy_estimate(correct, targets, class_mean=True).interval()
    assert found.low < 36 < 64 < found.high


def by_seeds_and_images(rng, seeds, spread, sizes):
    """Two methods on the same images; the second is 5 points better on average.

    Each seed moves the accuracy, and each image has its own difficulty, which a
    training sees with noise.
    """
    targets = np.repeat(np.arange(len(sizes)), sizes)
    level = np.linspace(0.9, 0.3, len(sizes))[targets]
    hard = rng.random(len(targets))

    def method(mean):
        moved = level + rng.normal(mean, spread, (seeds, 1))
        return hard + rng.uniform(-0.1, 0.1, (seeds, len(targets))) < moved

    return method(0.0), method(0.05), targets


@pytest.mark.parametrize(
    ('seeds', 'spread'), [(1, 0.0), (2, 0.03), (3, 0.0), (3, 0.03), (6, 0.05)]
)
@pytest.mark.parametrize('sizes', [[40] * 8, [150, 60, 20, 9, 5, 3]], ids=str)
@pytest.mark.parametrize('class_mean', [False, True])
def test_intervals_cover_the_truth(seeds, spread, sizes, class_mean):
    rng = np.random.default_rng(0)
    weights = np.array(sizes) / sum(sizes)
    if class_mean:
        weights = np.full(len(sizes), 1 / len(sizes))
    # The mean over images, noise and seeds of `hard + noise < moved`.
    moved = np.linspace(0.9, 0.3, len(sizes))[:, None, None]
    noise = np.linspace(-0.1, 0.1, 201)
    shift = stats.norm.ppf((np.arange(200) + 0.5) / 200)[:, None] * spread
    means = [
        np.clip(moved + m + shift - noise, 0, 1).mean(axis=(1, 2)) for m in (0, 0.05)
    ]
    truth = 100 * (weights @ (means[1] - means[0]))
    draws = 400
    covered = 0
    for _ in range(draws):
        found = paired_difference(
            *by_seeds_and_images(rng, seeds, spread, sizes), class_mean=class_mean
        )
        covered += found.low <= truth <= found.high
    # 95 %, less three standard errors of so many draws.
    assert covered / draws > 0.95 - 3 * np.sqrt(0.95 * 0.05 / draws)


def test_seeds_alone_give_the_interval_of_students_t():
    """All images of a seed are alike, so only the seeds vary."""
    right = np.array([0.31, 0.38, 0.33, 0.42])
    targets = np.zeros(100_000, dtype=int)
    second = np.arange(100_000) < 100_000 * right[:, None]
    found = accuracy_estimate(second, targets).interval()
    low, high = stats.t.interval(0.95, 3, right.mean(), stats.sem(right))
    # Images that some seeds have right and others wrong vary only with the seeds.
    assert (found.low, found.high) == pytest.approx((100 * low, 100 * high), abs=0.1)


def test_given_variance_of_the_seeds_is_that_of_unpaired_seeds():
    rng = np.random.default_rng(0)
    targets = np.zeros(5000, dtype=int)
    first, second = rng.random((3, 5000)) < 0.5, rng.random((2, 5000)) < 0.6
    with pytest.raises(ValueError, match='same seeds of both methods, but got 3 and 2'):
        difference_estimate(first, second, targets)
    found = difference_estimate(first, second, targets, seeds=Variance(0.02**2, 3))
    margin = stats.t(3).ppf(0.975) * 2
    interval = found.interval()
    half = (interval.high - interval.low) / 2
    assert half == pytest.approx(np.hypot(margin, 100 * found.images.margin(0.95)))
    assert half > margin


def test_the_p_value_belongs_to_the_interval_that_ends_at_0():
    rng = np.random.default_rng(3)
    targets = np.arange(400) % 4
    first, second = rng.random((2, 3, 400)) < np.array([0.5, 0.55])[:, None, None]
    estimate = difference_estimate(first, second, targets)
    p_value = estimate.p_value()
    assert 0.001 < p_value < 0.5
    assert estimate.interval(1 - p_value).low == pytest.approx(0, abs=1e-6)


def test_p_values_of_no_difference_are_uniform():
    rng = np.random.default_rng(0)
    targets = np.zeros(2000, dtype=int)
    found = [
        difference_estimate(*rng.random((2, 1, 2000)) < 0.5, targets).p_value()
        for _ in range(300)
    ]
    assert stats.kstest(found, 'uniform').pvalue > 0.01


def test_equal_methods_and_opposite_order():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 3, 90)) < np.array([0.5, 0.7])[:, None, None]
    targets = np.arange(90) % 3
    same = paired_difference(first, first, targets)
    assert same.mean == 0
    assert same.low == -same.high < 0
    forth = paired_difference(first, second, targets)
    back = paired_difference(second, first, targets)
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low))
    assert forth.beyond_chance
    assert not same.beyond_chance


def test_many_intervals_hold_together():
    assert simultaneous(1) == 0.95
    assert simultaneous(34) == pytest.approx(1 - 0.05 / 34)


def test_unpaired_runs_and_no_images_are_refused():
    with pytest.raises(ValueError, match='paired runs of'):
        exported(np.zeros((2, 5)), np.zeros((2, 4)), np.zeros(5))
    with pytest.raises(ValueError, match='paired runs of'):
        exported(np.zeros((0, 5)), np.zeros((0, 5)), np.zeros(5))
