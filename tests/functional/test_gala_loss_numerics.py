"""`gala_loss`: derivatives, huge logits, half precision."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mmgala.functional import gala_loss
from tests.batches import random_logits, random_statistics, random_target
from tests.reference import gala_numpy

KINDS = ['hard', 'soft']
HALF = [torch.float16, torch.bfloat16]


@pytest.mark.parametrize('kind', KINDS)
def test_gradcheck(kind):
    logits = random_logits(5, 4).requires_grad_()
    target = random_target(kind, 5, 4)
    pos, neg = random_statistics(4)
    assert torch.autograd.gradcheck(
        lambda logits: gala_loss(logits, target, pos, neg, 1.2, 0.9), (logits,)
    )


@pytest.mark.parametrize('kind', KINDS)
def test_second_derivative(kind):
    logits = random_logits(5, 4).requires_grad_()
    target, statistics = random_target(kind, 5, 4), random_statistics(4)
    assert torch.autograd.gradgradcheck(
        lambda logits: gala_loss(logits, target, *statistics), (logits,)
    )


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_logits_of_1e4_give_finite_and_right_values(dtype, kind):
    logits = torch.tensor([[1e4, -1e4, 0], [-1e4, 1e4, 0], [-1e4, -1e4, -1e4]])
    logits = logits.to(dtype).requires_grad_()
    target = torch.tensor([0, 0, 1])
    reference = gala_numpy.margins_hard
    if kind == 'soft':
        target = torch.tensor([[0.5, 0.5, 0], [0.25, 0, 0.75], [0, 1, 0]])
        reference = gala_numpy.margins_soft
    pos, neg = torch.tensor([300.0, 20.0, 1.0]), torch.tensor([250.0, 30.0, 2.0])

    loss = gala_loss(logits, target.to(dtype) if kind == 'soft' else target, pos, neg)
    loss.sum().backward()

    margin = reference(pos.double().numpy(), neg.double().numpy(), target.numpy())
    targets = target.double().numpy()
    if kind == 'hard':
        targets = gala_numpy.one_hot(target.numpy(), 3)
    adjusted = logits.detach().double().numpy() + margin
    losses, gradients = gala_numpy.cross_entropy(adjusted, targets)
    assert loss.dtype == dtype
    # float32 logits of 1e4 are spaced by 1e-3: so is the margin that they take up.
    tolerance = dict(rtol=1e-6, atol=1e-3) if dtype == torch.float32 else {}
    assert_close(loss.detach().double(), torch.from_numpy(losses), **tolerance)
    assert_close(logits.grad.double(), torch.from_numpy(gradients), **tolerance)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', HALF)
def test_half_logits_are_computed_in_float32(dtype, kind):
    target = random_target(kind, 9, 7)
    pos, neg = (s.float() for s in random_statistics(7))
    half = random_logits(9, 7).to(dtype).requires_grad_()
    full = half.detach().float().requires_grad_()

    loss, expected = (gala_loss(z, target, pos, neg) for z in (half, full))
    loss.sum().backward()
    expected.sum().backward()

    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected)
    assert torch.equal(half.grad, full.grad.to(dtype))


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', HALF)
def test_autocast_changes_nothing(dtype, kind):
    target = random_target(kind, 9, 7)
    pos, neg = (s.float() for s in random_statistics(7))
    logits = random_logits(9, 7).to(dtype).requires_grad_()

    with torch.autocast('cpu', dtype):
        loss = gala_loss(logits, target, pos, neg)
    loss.sum().backward()

    expected = gala_loss(logits, target, pos, neg)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected)
    gradient = torch.autograd.grad(expected.sum(), logits)[0]
    assert torch.equal(logits.grad, gradient)


@pytest.mark.parametrize('dtype', HALF)
def test_half_logits_are_near_the_float64_reference(dtype):
    logits, labels = random_logits(9, 7).to(dtype), random_target('hard', 9, 7)
    pos, neg = random_statistics(7)
    loss = gala_loss(logits, labels, pos.float(), neg.float())
    margin = gala_numpy.margins_hard(pos.numpy(), neg.numpy(), labels.numpy())
    expected, _ = gala_numpy.cross_entropy(
        logits.double().numpy() + margin, gala_numpy.one_hot(labels.numpy(), 7)
    )
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('kind', KINDS)
def test_empty_batch_has_an_empty_loss_and_gradient(kind):
    logits = torch.zeros(0, 7, requires_grad=True)
    target = random_target(kind, 0, 7)
    loss = gala_loss(logits, target, torch.zeros(7), torch.zeros(7))
    loss.sum().backward()
    assert loss.shape == (0,)
    assert logits.grad.shape == (0, 7)
