"""Whether labels contradict assumed class shares: by hand, by SciPy and by chance."""

import numpy as np
import pytest
import torch

from mmgala.functional import contradicted_prior
from mmgala.functional.prior_check import _probability, prior_warning


def long_tail(num_classes, factor):
    shares = factor ** (-np.arange(num_classes) / (num_classes - 1.0))
    return shares / shares.sum()


def test_test_set_of_the_tutorial():
    found = contradicted_prior([25, 1, 6])

    assert found.distance == pytest.approx(25 / 32 - 1 / 3)
    assert found.num_samples == 32
    np.testing.assert_allclose(found.seen, [25 / 32, 1 / 32, 6 / 32])
    np.testing.assert_allclose(found.assumed, [1 / 3] * 3)
    assert contradicted_prior([25, 1, 6], torch.tensor([0.78, 0.03, 0.19])) is None


def test_most_different_classes_come_first():
    text = contradicted_prior([25, 1, 6, 32]).describe(['a', 'b', 'c', 'd'], most=2)

    assert text.startswith('d 25.0 % assumed, 50.0 % seen; b 25.0 %, 1.6 % (')


def test_classes_without_names_are_numbered():
    assert contradicted_prior([90, 10]).describe().startswith('class 0 50.0 % assumed')


def test_warning_names_data_numbers_and_remedy():
    text = prior_warning('the test set', contradicted_prior([90, 10]), ['cat', 'dog'])

    assert 'labels of the test set' in text
    assert 'cat 50.0 % assumed, 90.0 % seen; dog 50.0 %, 10.0 %' in text
    assert '--target-prior train, val or FILE' in text


@pytest.mark.parametrize(
    'support', [[20] * 10, [1] * 1000, [3], [0, 0], [1, 0], [2, 1], [3] + [0] * 9]
)
def test_nothing_is_said_of_balanced_or_tiny_sets(support):
    assert contradicted_prior(support) is None


def test_a_large_set_that_is_almost_balanced_is_balanced():
    support = torch.tensor([10_400, 9_600, 10_000, 10_000])

    stats = pytest.importorskip('scipy.stats')
    assert stats.chisquare(support).pvalue < 1e-6
    assert contradicted_prior(support) is None


def test_a_class_that_cannot_occur_but_does():
    prior = torch.tensor([0.5, 0.5, 0.0])

    assert contradicted_prior([40, 40, 20], prior).distance == pytest.approx(0.2)
    assert contradicted_prior([48, 48, 4], prior) is None


@pytest.mark.parametrize('support', [[60, 30, 10], [1000, 900, 950, 1100]])
def test_probability_is_that_of_scipy_for_large_counts(support):
    many = torch.tensor(support, dtype=torch.float64) * 100
    shares = np.full(len(support), 1 / len(support))
    shares[:2] = shares[:2] * [1.3, 0.7]
    statistic = float(((many / 100 - many.sum() / 100 * torch.tensor(shares)) ** 2
                       / (many.sum() / 100 * torch.tensor(shares))).sum())  # fmt: skip

    found = _probability(torch.tensor(support, dtype=torch.float64),
                         torch.tensor(shares))  # fmt: skip

    stats = pytest.importorskip('scipy.stats')
    assert found == pytest.approx(stats.chi2.sf(statistic, len(support) - 1), rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize('size', [3, 10, 20, 100, 1000])
@pytest.mark.parametrize('factor', [1.0, 10.0, 100.0])
@pytest.mark.parametrize('classes', [2, 10, 100, 1000])
def test_chance_is_seldom_a_contradiction(classes, factor, size):
    shares = long_tail(classes, factor)
    draws = np.random.default_rng(0).multinomial(size, shares, size=1000)

    prior = torch.tensor(shares)
    found = [contradicted_prior(draw.tolist(), prior) is not None for draw in draws]

    assert np.mean(found) < 0.01


@pytest.mark.parametrize('size', [100, 1000])
def test_a_long_tail_is_always_noticed(size):
    draws = np.random.default_rng(0).multinomial(size, long_tail(10, 100.0), size=200)

    assert all(contradicted_prior(draw.tolist()) is not None for draw in draws)


@pytest.mark.parametrize(
    ('support', 'prior', 'message'),
    [
        ([5, -1], None, '`support` to be .* but got -1'),
        ([5, 1], torch.tensor([0.5, 0.4]), 'sum to 1, but got 0.9'),
        ([5, 1], torch.ones(3) / 3, '`target_prior` to hold 2 values'),
    ],
)
def test_invalid_arguments(support, prior, message):
    with pytest.raises(ValueError, match=message):
        contradicted_prior(support, prior)
