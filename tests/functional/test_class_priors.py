"""Per-class values of losses, against NumPy and by hand."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mmgala.functional import (
    cloud_sizes,
    effective_number_weights,
    ldam_margins,
    log_class_prior,
    smoothing_factors,
    vector_scaling_factors,
)
from mmgala.functional.class_priors import fill_absent_classes
from tests.reference import long_tailed_losses_numpy as reference

COUNTS = dict(
    long_tail=[500, 300, 100, 60, 40, 3],
    absent=[0, 300, 100, 0, 40, 3],
    alike=[20] * 6,
    one_each=[1, 1],
    extreme=[10_000_000, 1],
)
# Ours, and the loops of the reference.
FUNCTIONS = dict(
    log_prior=(log_class_prior, reference.log_prior),
    effective_number=(
        lambda n: effective_number_weights(n, 0.999),
        lambda n: reference.effective_number_weights(n, 0.999),
    ),
    ldam=(ldam_margins, lambda n: reference.ldam_margins(n, 0.5)),
    clouds=(cloud_sizes, reference.cloud_sizes),
    scaling=(
        lambda n: vector_scaling_factors(n, 0.3),
        lambda n: reference.scaling_factors(n, 0.3),
    ),
    **{
        shape: (
            lambda n, shape=shape: smoothing_factors(n, 0.4, 0.1, shape),
            lambda n, shape=shape: reference.smoothing_factors(n, 0.4, 0.1, shape),
        )
        for shape in ('concave', 'linear', 'convex')
    },
)


@pytest.fixture(params=FUNCTIONS)
def functions(request):
    return FUNCTIONS[request.param]


@pytest.mark.parametrize('counts', COUNTS.values(), ids=COUNTS)
def test_values_are_those_of_the_formula(functions, counts):
    ours, formula = functions
    values = ours(torch.tensor(counts))
    assert values.dtype == torch.float64
    assert_allclose(values.numpy(), formula(counts), rtol=1e-12, atol=1e-15)


def test_a_class_without_samples_does_not_affect_the_others(functions):
    ours, _ = functions
    absent = ours(torch.tensor([9, 0, 4, 1]))
    assert torch.equal(absent[[0, 2, 3]], ours(torch.tensor([9, 4, 1])))
    assert absent[1] == absent[3]


@pytest.mark.parametrize(
    ('counts', 'message'),
    [
        ([[1, 2]], r'one value per class, but got shape \(1, 2\)'),
        ([], r'one value per class, but got shape \(0,\)'),
        ([0, 0], 'positive sum, but got 0'),
        ([3, -2], 'but got -2'),
    ],
)
def test_invalid_counts_are_refused(functions, counts, message):
    ours, _ = functions
    with pytest.raises(ValueError, match=message) as caught:
        ours(torch.tensor(counts))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('function', 'arguments', 'message'),
    [
        (effective_number_weights, dict(beta=1.0), '0 <= beta < 1, but got 1.0'),
        (effective_number_weights, dict(beta=-0.1), '0 <= beta < 1, but got -0.1'),
        (ldam_margins, dict(max_margin=-1), '`max_margin` to be 0 or more, but got -1'),
        (vector_scaling_factors, dict(gamma=-1), '`gamma` to be 0 or more, but got -1'),
        (smoothing_factors, dict(head=1, tail=0), 'smoothing of the head.*got 1'),
        (smoothing_factors, dict(head=0, tail=-1), 'smoothing of the tail.*got -1'),
        (
            smoothing_factors,
            dict(head=0.2, tail=0.1, shape='round'),
            r"`shape` to be one of \('concave', .*got 'round'",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(torch.tensor([2, 1]), **arguments)


def test_absent_classes_are_filled_without_modifying_the_input():
    counts = torch.tensor([5, 0, 2, 0])
    assert fill_absent_classes(counts).tolist() == [5, 2, 2, 2]
    assert counts.tolist() == [5, 0, 2, 0]


def test_beta_0_gives_equal_weights_and_beta_near_1_inverse_counts():
    counts = torch.tensor([100, 10, 1])
    assert effective_number_weights(counts, 0.0).tolist() == [1, 1, 1]
    inverse = 1 / np.array([100, 10, 1])
    near = effective_number_weights(counts, 1 - 1e-12)
    assert_allclose(near.numpy(), inverse / inverse.mean(), rtol=1e-6)


def test_weights_have_a_mean_of_1_over_the_classes_with_samples():
    weights = effective_number_weights(torch.tensor([700, 0, 20, 3]))
    assert float(weights[[0, 2, 3]].mean()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ('shape', 'half_way'),
    [
        ('concave', math.sqrt(0.5)),
        ('linear', 0.5),
        ('convex', 1 - math.sqrt(0.5)),
    ],
)
def test_smoothing_half_way_between_the_smallest_and_largest_class(shape, half_way):
    factors = smoothing_factors(torch.tensor([11, 6, 1]), 0.5, 0.1, shape)
    assert_allclose(factors.numpy(), [0.5, 0.1 + 0.4 * half_way, 0.1], rtol=1e-12)
