"""Exact number of draws per class of ClassBalancedSampler."""

import numpy as np
import pytest

from mmgala.datasets import ClassBalancedSampler
from mmgala.datasets.samplers.class_samplers import proportional_counts
from tests.datasets.samplers.chi_square import Labelled

COUNTS = np.array([40, 15, 6, 2, 1])
DATA = Labelled(COUNTS)
SAMPLING_MODES = ['instance', 'class', 'sqrt', 'progressive']


def build(mode, **kwargs):
    num_epochs = 4 if mode == 'progressive' else None
    return ClassBalancedSampler(DATA, mode, num_epochs, seed=1, **kwargs)


def test_instance_balance_is_a_shuffle_of_the_whole_set():
    sampler = build('instance')
    epochs = [sampler.epoch_indices(epoch).tolist() for epoch in range(20)]
    assert all(sorted(epoch) == list(range(64)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 20


@pytest.mark.parametrize('mode', SAMPLING_MODES)
@pytest.mark.parametrize('num_samples', [None, 'oversample', 7, 331])
def test_draws_are_the_expected_ones_rounded_up_or_down(mode, num_samples):
    sampler = build(mode, num_samples=num_samples)
    for epoch in range(5):
        expected = sampler.num_samples * sampler.class_probabilities(epoch)
        drawn = np.bincount(DATA.labels[sampler.epoch_indices(epoch)], minlength=5)
        assert drawn.sum() == sampler.num_samples
        assert (drawn >= np.floor(expected - 1e-9)).all()
        assert (drawn <= np.ceil(expected + 1e-9)).all()


@pytest.mark.parametrize('mode', SAMPLING_MODES)
def test_samples_of_a_class_are_drawn_equally_often(mode):
    indices = build(mode, num_samples=331).epoch_indices(2)
    times = np.bincount(indices, minlength=64)
    for label in range(5):
        of_class = times[DATA.labels == label]
        assert of_class.max() - of_class.min() <= 1


def test_progressive_probabilities_follow_the_paper():
    sampler = build('progressive')
    for epoch, t in [(0, 0), (1, 1), (3, 3), (4, 4), (9, 4)]:
        expected = (1 - t / 4) * COUNTS / 64 + (t / 4) / 5
        np.testing.assert_allclose(sampler.class_probabilities(epoch), expected)


def test_one_epoch_less_ends_class_balanced():
    # As in the authors' code: from 0 to 1 in equal steps over all epochs.
    sampler = ClassBalancedSampler(DATA, 'progressive', num_epochs=9)
    for epoch, share in enumerate(np.linspace(0, 1, 10)):
        expected = (1 - share) * COUNTS / 64 + share / 5
        np.testing.assert_allclose(sampler.class_probabilities(epoch), expected)


@pytest.mark.parametrize('mode', ['instance', 'sqrt'])
def test_a_class_without_samples_has_probability_0(mode):
    data = Labelled([5, 0, 3, 0], names='abcd')
    sampler = ClassBalancedSampler(data, mode, num_samples=50, seed=0)
    assert sampler.class_probabilities()[[1, 3]].tolist() == [0, 0]
    assert set(sampler) == set(range(8))


def test_apportioned_counts_have_the_expected_mean():
    weights = np.random.default_rng(0).random(30) ** 3
    weights[[3, 29]] = 0
    expected = 77 * weights / weights.sum()
    rng = np.random.default_rng(0)
    parts = np.array([proportional_counts(77, weights, rng) for _ in range(4000)])
    assert (parts.sum(axis=1) == 77).all()
    assert (np.abs(parts - expected) < 1).all()
    # Each count is one of two neighbouring integers, so its variance is known.
    fraction = expected % 1
    deviation = np.sqrt(fraction * (1 - fraction) / 4000)
    assert (np.abs(parts.mean(axis=0) - expected) <= 4 * deviation + 1e-12).all()


def test_apportioning_whole_numbers_is_exact():
    counts = np.random.default_rng(0).integers(1, 1000, size=8142).astype(float)
    rng = np.random.default_rng(0)
    for times in (1, 2, 3):
        parts = proportional_counts(int(times * counts.sum()), counts, rng)
        np.testing.assert_array_equal(parts, times * counts)
