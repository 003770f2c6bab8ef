"""Intervals against resampling by index, and against the binomial distribution."""

import numpy as np
import pytest
from scipy.stats import binom

from mmgala.comparison import paired_difference
from mmgala.comparison.verdict import pareto_front


def by_index(first, second, targets, draws, rng, accuracy=np.mean):
    """Resample indices of the samples of each class, and of the seeds."""
    means = []
    for _ in range(draws):
        seeds = rng.integers(len(first), size=len(first))
        samples = np.concatenate([
            rng.choice(np.flatnonzero(targets == c), np.sum(targets == c))
            for c in np.unique(targets)
        ])  # fmt: skip
        after, before = (runs[seeds][:, samples] for runs in (second, first))
        means.append(100 * (accuracy(after) - accuracy(before)))
    return np.quantile(means, (0.025, 0.975))


@pytest.mark.parametrize('num_seeds', [1, 2, 4])
def test_interval_is_that_of_resampling_by_index(num_seeds):
    rng = np.random.default_rng(0)
    targets = rng.permutation(np.repeat([0, 1, 2], [60, 30, 10]))
    easy = rng.random(100)  # right in both, or in neither: the pairs matter
    level = np.array([0.8, 0.5, 0.3])[targets]
    shift = np.linspace(0, 0.3, num_seeds)[:, None]
    first = easy < level
    first = np.repeat(first[None], num_seeds, axis=0)
    second = (easy + 0.1 * rng.random((num_seeds, 100))) < level + 0.1 + shift
    expected = by_index(first, second, targets, 4000, rng)
    found = paired_difference(first, second, targets)
    np.testing.assert_allclose(found, expected, atol=0.6)
    assert found[0] < 100 * (second.mean() - first.mean()) < found[1]


def test_interval_of_the_mean_over_classes():
    rng = np.random.default_rng(1)
    targets = np.repeat([0, 1, 2], [80, 15, 5])  # by_index draws in this order
    first = rng.random((3, 100)) < np.array([0.9, 0.5, 0.2])[targets]
    second = rng.random((3, 100)) < np.array([0.8, 0.6, 0.6])[targets]

    def class_mean(runs):
        return np.mean([runs[:, targets == c].mean() for c in range(3)])

    expected = by_index(first, second, targets, 4000, rng, class_mean)
    found = paired_difference(first, second, targets, class_mean=True)
    np.testing.assert_allclose(found, expected, atol=1.2)
    plain = paired_difference(first, second, targets)
    assert plain[1] < found[1] - 5  # top-1 hardly sees the small classes


def test_one_seed_and_class_is_binomial():
    first = np.zeros((1, 200), dtype=bool)
    second = np.arange(200)[None] < 60
    found = paired_difference(first, second, np.zeros(200, dtype=int))
    expected = binom.ppf((0.025, 0.975), 200, 0.3) / 2
    np.testing.assert_allclose(found, expected, atol=0.5)


def test_a_class_that_is_right_as_a_whole_adds_no_spread():
    targets = np.repeat([0, 1], 50)
    first = np.zeros((3, 100), dtype=bool)
    second = np.repeat((targets == 1)[None], 3, axis=0)
    assert paired_difference(first, second, targets) == (50.0, 50.0)


def test_equal_methods_have_a_difference_of_0_and_order_gives_the_sign():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 3, 90)) < np.array([0.5, 0.7])[:, None, None]
    targets = np.arange(90) % 3
    assert paired_difference(first, first, targets) == (0.0, 0.0)
    low, high = paired_difference(first, second, targets)
    np.testing.assert_allclose(
        paired_difference(second, first, targets), (-high, -low), atol=0.5
    )
    assert (low, high) == paired_difference(first, second, targets)


def test_unpaired_runs_are_refused():
    with pytest.raises(ValueError, match='paired runs of'):
        paired_difference(np.zeros((2, 5)), np.zeros((3, 5)), np.zeros(5))


@pytest.mark.parametrize('seed', range(3))
def test_front_is_that_of_comparing_every_pair(seed):
    values = np.random.default_rng(seed).integers(0, 6, (30, 2)).astype(float)
    expected = [
        not any(
            (other >= own).all() and (other > own).any() for other in values
        )
        for own in values
    ]  # fmt: skip
    assert pareto_front(values).tolist() == expected
