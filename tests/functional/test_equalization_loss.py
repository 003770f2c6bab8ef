"""`equalization_loss` against the paper's formula, with given draws."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmgala.functional import equalization_loss
from tests.batches import one_hot, random_logits, random_target
from tests.reference import equalization_numpy as reference

KINDS = ['hard', 'soft']
SHARES = torch.tensor([0.5, 0.3, 0.1, 0.06, 0.04, 0.0], dtype=torch.float64)
THRESHOLD = 0.1  # so class 2 is not tail, and classes 3 to 5 are


def case(kind, num_samples=20):
    """Logits, target, the target as shares, and draws of beta."""
    logits = random_logits(num_samples, 6)
    target = random_target(kind, num_samples, 6)
    shares = target if kind == 'soft' else one_hot(target, 6)
    beta = random_logits(num_samples, 6, seed=3) > -1
    return logits, target, shares, beta


@pytest.mark.parametrize('kind', KINDS)
def test_loss_and_gradient_are_those_of_the_formula(kind):
    logits, target, shares, beta = case(kind)
    logits.requires_grad_()

    loss = equalization_loss(logits, target, beta & (SHARES < THRESHOLD))
    (gradient,) = torch.autograd.grad(loss.sum(), logits)

    arguments = (
        logits.detach().numpy(), shares.numpy(), beta.numpy(), SHARES.numpy(), THRESHOLD
    )  # fmt: skip
    expected = torch.from_numpy(reference.equalization_loss(*arguments))
    assert_close(loss.detach(), expected, rtol=1e-12, atol=1e-12)
    expected = torch.from_numpy(reference.gradients(*arguments))
    assert_close(gradient, expected, rtol=1e-6, atol=1e-8)
    assert (expected.abs() > 0.01).any(dim=0).all()  # every class is tried


@pytest.mark.parametrize('kind', KINDS)
def test_gradcheck(kind):
    logits, target, _, beta = case(kind, 4)

    assert torch.autograd.gradcheck(
        lambda z: equalization_loss(z, target, beta), logits.requires_grad_()
    )


def test_classes_ignored_for_a_sample_get_no_gradient_from_it():
    logits, target, shares, beta = case('hard')
    logits.requires_grad_()
    ignored = beta & (SHARES < THRESHOLD)

    equalization_loss(logits, target, ignored).sum().backward()

    no_gradient = ignored & (shares == 0)
    assert (logits.grad[no_gradient] == 0).all()
    assert (logits.grad[~no_gradient] != 0).all()
    assert 20 < no_gradient.sum() < no_gradient.numel()


@pytest.mark.parametrize('kind', KINDS)
def test_without_ignored_classes_it_is_cross_entropy(kind):
    logits, target, _, _ = case(kind)

    loss = equalization_loss(logits, target, torch.zeros(20, 6, dtype=torch.bool))

    assert_close(loss, F.cross_entropy(logits, target, reduction='none'))


def test_a_sample_with_all_other_classes_ignored_has_nothing_to_learn():
    logits = random_logits(3, 4).requires_grad_()
    target = torch.tensor([0, 3, 1])

    loss = equalization_loss(logits, target, torch.ones(3, 4, dtype=torch.bool))
    loss.sum().backward()

    assert_close(loss.detach(), torch.zeros(3).double(), atol=1e-15, rtol=0)
    assert (logits.grad == 0).all()


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
def test_logits_of_100_leave_everything_finite(dtype, kind):
    logits = torch.tensor([[100.0, -100, 0], [-100, 100, 0]], dtype=dtype)
    logits.requires_grad_()
    target = torch.tensor([0, 0]) if kind == 'hard' else torch.eye(3)[[0, 0]]
    ignored = torch.tensor([[False, False, True]] * 2)

    loss = equalization_loss(logits, target, ignored)
    loss.sum().backward()

    assert_close(loss.detach(), torch.tensor([0.0, 200.0]))
    expected = torch.tensor([[0, 0, 0], [-1, 1, 0]], dtype=dtype)
    assert_close(logits.grad, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('kind', KINDS)
def test_half_precision_is_computed_in_float32(dtype, kind):
    logits, target, _, beta = case(kind)
    logits = logits.to(dtype)

    loss = equalization_loss(logits, target, beta)

    assert loss.dtype == torch.float32
    assert torch.equal(loss, equalization_loss(logits.float(), target, beta))


def test_bad_input_is_refused():
    logits = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r'`ignored` to have .* \(2, 3\), .* \(3,\)'):
        equalization_loss(logits, torch.tensor([0, 1]), torch.zeros(3).bool())
    with pytest.raises(ValueError, match='between 0 and 2.*but got 3'):
        equalization_loss(logits, torch.tensor([0, 3]), torch.zeros(2, 3).bool())
