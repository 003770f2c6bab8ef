"""Sums of logit gradients, against loops over the samples."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mmgala.functional import GradientSums, frequency_bins, logit_gradient_sums
from tests.batches import one_hot, random_logits, random_target
from tests.reference.gradient_sums_numpy import gradient_sums, softmax

COUNTS = torch.tensor([7, 300, 40, 5, 101, 20, 100])
GROUPS = torch.tensor([2, 0, 1, 2, 0, 1, 1])
NUM_CLASSES = len(COUNTS)
NAMES = ('pos_grad', 'neg_grad', 'given_grad', 'samples', 'sources', 'matrix')


def random_gradients(num_samples=40, seed=0):
    """Random gradients with both signs in every row, unlike those of a softmax."""
    return random_logits(num_samples, NUM_CLASSES, seed)


def summed(batches, num_bins=NUM_CLASSES, dtype=torch.float64):
    sums = GradientSums.zeros(NUM_CLASSES, num_bins, dtype=dtype)
    bins = frequency_bins(COUNTS, max(num_bins, 1))
    for grad, target in batches:
        sums.add(grad, target, GROUPS, bins)
    return sums


def as_soft(target):
    return target if target.is_floating_point() else one_hot(target, NUM_CLASSES)


@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('num_bins', [NUM_CLASSES, 3, 1])
def test_every_sum_equals_the_loops(kind, num_bins):
    batches = [
        (random_gradients(seed=seed), random_target(kind, 40, NUM_CLASSES, seed + 9))
        for seed in range(3)
    ]
    sums = summed(batches, num_bins)
    expected = gradient_sums(
        torch.cat([grad for grad, _ in batches]).numpy(),
        torch.cat([as_soft(target) for _, target in batches]).numpy(),
        COUNTS.tolist(),
        bins=frequency_bins(COUNTS, num_bins).tolist(),
    )
    for name in NAMES:
        assert_allclose(getattr(sums, name), expected[name], rtol=1e-12, err_msg=name)


def test_the_rows_of_the_matrix_are_in_order_of_frequency():
    # The most frequent class, 1, pushes the rarest, 3.
    grad = torch.zeros(1, NUM_CLASSES)
    grad[0, 3], grad[0, 1] = 0.25, -0.25
    matrix = summed([(grad, torch.tensor([1]))]).matrix
    assert matrix[NUM_CLASSES - 1, 0] == 0.25
    assert matrix.sum() == 0.25


def test_without_a_matrix_the_other_sums_are_the_same():
    batches = [(random_gradients(), random_target('hard', 40, NUM_CLASSES))]
    with_matrix, without = summed(batches), summed(batches, num_bins=0)
    assert without.matrix.shape == (0, 0)
    for name in NAMES[:-1]:
        assert torch.equal(getattr(with_matrix, name), getattr(without, name))


@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_softmax_gives_the_statistics_of_gala(kind):
    logits = random_logits(30, NUM_CLASSES)
    target = random_target(kind, 30, NUM_CLASSES)
    grad = torch.from_numpy(softmax(logits.numpy())) - as_soft(target)
    sums = summed([(grad, target)])
    theta, phi = logit_gradient_sums(logits, target)
    assert_allclose(sums.pos_grad, theta, rtol=1e-5)
    assert_allclose(sums.given_grad, phi, rtol=1e-5)
    assert_allclose(sums.neg_grad.sum(), sums.pos_grad.sum(), rtol=1e-12)
    assert_allclose(sums.sources.sum(dim=0), sums.neg_grad, rtol=1e-12)
    assert_allclose(sums.matrix.sum(), sums.neg_grad.sum(), rtol=1e-12)


@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_rows_that_overflowed_add_nothing(kind, value):
    grad = random_gradients(10)
    target = random_target(kind, 10, NUM_CLASSES)
    kept = [i for i in range(10) if i not in (2, 5)]
    expected = summed([(grad[kept], target[kept])])
    grad[2, 0] = value
    grad[5] = value
    assert_allclose(summed([(grad, target)]).flat, expected.flat, rtol=1e-12)


@pytest.mark.parametrize('ignored', [-100, -1, NUM_CLASSES])
def test_samples_without_a_class_add_nothing(ignored):
    grad, target = random_gradients(10), random_target('hard', 10, NUM_CLASSES)
    kept = [i for i in range(10) if i not in (0, 7)]
    expected = summed([(grad[kept], target[kept])])
    target[0] = target[7] = ignored
    assert_allclose(summed([(grad, target)]).flat, expected.flat, rtol=1e-12)


@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_an_empty_batch_adds_nothing(kind):
    grad, target = random_gradients(0), random_target(kind, 0, NUM_CLASSES)
    assert not summed([(grad, target)]).flat.any()


def test_input_is_not_modified():
    grad = random_gradients()
    before = grad.clone()
    summed([(grad, random_target('hard', 40, NUM_CLASSES))])
    assert torch.equal(grad, before)


def test_autocast_does_not_round():
    grad, target = random_gradients(), random_target('soft', 40, NUM_CLASSES)
    expected = summed([(grad.float(), target.float())], dtype=torch.float32).flat
    with torch.autocast('cpu', torch.bfloat16):
        found = summed([(grad.float(), target.float())], dtype=torch.float32).flat
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ('counts', 'max_bins', 'expected'),
    [
        ([5, 90, 20, 7], 4, [3, 0, 1, 2]),
        ([5, 90, 20, 7], 9, [3, 0, 1, 2]),
        ([5, 90, 20, 7], 1, [0, 0, 0, 0]),
        ([4, 4, 9, 4, 9], 2, [0, 1, 0, 1, 0]),  # of equals, the first is ahead
    ],
)
def test_bins_hold_neighbours_in_frequency(counts, max_bins, expected):
    assert frequency_bins(torch.tensor(counts), max_bins).tolist() == expected


def test_sizes_of_bins_differ_by_at_most_1():
    counts = torch.from_numpy(np.random.default_rng(0).integers(2, 1000, 8142))
    bins = frequency_bins(counts, 200)
    assert set(bins.bincount().tolist()) == {40, 41}
    ordered = counts[bins.argsort(stable=True)].split(bins.bincount().tolist())
    for more, fewer in zip(ordered, ordered[1:], strict=False):
        assert more.min() >= fewer.max()


def test_max_bins_below_1_is_refused():
    with pytest.raises(ValueError, match=r'Expected `max_bins` to be 1 or more.*0'):
        frequency_bins(COUNTS, 0)
