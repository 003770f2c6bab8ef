"""Sums of a billion terms, in float32."""

import numpy as np
import torch

from mmgala.functional.compensated_sum import compensated_add_

STEPS = 1e9
TERMS = np.float32([1.0, 0.9999, 0.7, 0.5, 0.3, 0.1, 1 / 3, 0.0123, 1e-3, 1e-4])
SAMPLED = 4096


def plain_add_(total, low, value):
    """Without compensation."""
    total.add_(value)


def error_after_a_billion_steps(add):
    """Relative error of a sum of equal terms, for each of ``TERMS``.

    Between two powers of 2, rounding repeats itself: some thousand steps from each
    power give the error of a step there, and the steps between powers its weight.
    """
    powers = 2.0 ** np.arange(-14, 31)
    term = torch.from_numpy(TERMS).double()[:, None]
    start = torch.from_numpy(powers * 1.37)[None].expand(len(TERMS), -1)
    total, low = start.float(), torch.zeros(len(TERMS), len(powers))
    value = term.float().expand_as(total).contiguous()
    for _ in range(SAMPLED):
        add(total, low, value)
    drift = total.double() + low.double() - start.float().double() - SAMPLED * term
    last = STEPS * term
    steps = last.clamp(max=2 * torch.from_numpy(powers)) - torch.from_numpy(powers)
    steps = steps.clamp(min=0) / term
    return ((drift / SAMPLED * steps).sum(dim=1, keepdim=True) / last).abs().squeeze(1)


def test_a_billion_single_samples_are_right_to_1e_6():
    assert error_after_a_billion_steps(compensated_add_).max() < 1e-6


def test_a_plain_sum_would_be_wrong():
    assert error_after_a_billion_steps(plain_add_).max() > 0.1


def test_a_sum_of_random_terms_is_that_of_float64():
    terms = torch.rand(20000, 7, generator=torch.Generator().manual_seed(0))
    total, low = torch.full((7,), 2.0**24), torch.zeros(7)
    for term in terms:
        compensated_add_(total, low, term)
    exact = 2.0**24 + terms.double().sum(dim=0)
    np.testing.assert_allclose(total.double() + low, exact, rtol=1e-12)
    np.testing.assert_allclose(total.double(), exact, rtol=2**-24)
