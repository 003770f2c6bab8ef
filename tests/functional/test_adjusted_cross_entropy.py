"""Cross-entropy on shifted logits, by PyTorch's operations and as one node."""

import sys

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from mmgala.functional import (
    adjusted_cross_entropy,
    equalization_loss,
    seesaw_loss,
)
from mmgala.functional.adjusted_cross_entropy import ONE_NODE, mean_cross_entropy
from mmgala.losses import BalancedSoftmaxLoss, GALALoss

# The package has a function of the same name.
MODULE = sys.modules['mmgala.functional.adjusted_cross_entropy']
SHAPES = [(1, 2), (7, 5), (64, 100), (300, 2000), (3, 70_000)]
SHIFTS = [(False, False), (True, False), (False, True), (True, True)]


@pytest.fixture(params=[0, 2**40], ids=['one node', 'operations'], autouse=True)
def way(request, monkeypatch):
    """Whether the loss is one node of the graph, whatever the number of logits."""
    monkeypatch.setitem(ONE_NODE, 'cpu', request.param)


def problem(shape, dtype, bias=True, margin=True):
    generator = torch.Generator().manual_seed(sum(shape))
    logits = 3 * torch.randn(shape, generator=generator)
    target = torch.randint(shape[1], shape[:1], generator=generator)
    vectors = torch.randn(2, shape[1], generator=generator)
    logits = logits.to(dtype).requires_grad_()
    return (
        logits,
        target,
        *(
            vector if used else None
            for vector, used in zip(vectors, (bias, margin), strict=True)
        ),
    )


def expected_losses(logits, target, bias, margin):
    shifted = logits.double()
    if bias is not None:
        shifted = shifted + bias
    if margin is not None:
        shifted = shifted + margin * F.one_hot(target, logits.shape[1])
    return F.cross_entropy(shifted, target, reduction='none')


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(('bias', 'margin'), SHIFTS)
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_values_and_gradients_are_those_of_cross_entropy(shape, bias, margin, dtype):
    arguments = problem(shape, dtype, bias, margin)
    logits = arguments[0]
    weight = torch.linspace(0, 2, shape[0])

    expected = expected_losses(*arguments)
    (wanted,) = torch.autograd.grad((expected * weight).sum(), logits)
    (wanted_of_mean,) = torch.autograd.grad(expected_losses(*arguments).mean(), logits)
    losses = adjusted_cross_entropy(*arguments)
    (found,) = torch.autograd.grad((losses * weight).sum(), logits)
    mean, observed = mean_cross_entropy(*arguments)
    (of_mean,) = torch.autograd.grad(mean, logits)

    wide = torch.promote_types(dtype, torch.float32)
    assert losses.dtype == mean.dtype == observed.dtype == wide
    assert found.dtype == dtype
    assert not observed.requires_grad
    assert_close(losses, expected.to(wide))
    assert_close(observed, expected.to(wide))
    assert_close(mean, expected.mean().to(wide))
    rtol, atol = (1e-3, 1e-5) if dtype == torch.float16 else (1e-5, 1e-6)
    assert_close(found, wanted, rtol=rtol, atol=atol)
    assert_close(of_mean, wanted_of_mean, rtol=rtol, atol=atol)


def test_derivatives_of_both_orders_are_right():
    logits, target, bias, margin = problem((4, 5), torch.float64)

    def both(z):
        losses = adjusted_cross_entropy(z, target, bias, margin)
        return losses, mean_cross_entropy(z, target, bias, margin)[0]

    assert torch.autograd.gradcheck(both, logits)
    assert torch.autograd.gradgradcheck(both, logits)


def test_logits_and_shifts_stay_as_they_are():
    arguments = problem((64, 100), torch.float32)
    before = [argument.detach().clone() for argument in arguments]
    mean_cross_entropy(*arguments)[0].backward()
    for argument, old in zip(arguments, before, strict=True):
        assert torch.equal(argument, old)


def test_a_second_backward_pass_gives_the_same_gradient():
    logits, *rest = problem((7, 5), torch.float32)
    mean = mean_cross_entropy(logits, *rest)[0]
    first, second = (
        torch.autograd.grad(mean, logits, retain_graph=True)[0] for _ in range(2)
    )
    assert torch.equal(first, second)


def test_a_row_that_is_not_finite_has_a_gradient_that_is_not():
    logits, target, *_ = problem((7, 5), torch.float32)
    broken = logits.detach().clone()
    broken[2, (target[2] + 1) % 5] = float('nan')
    broken.requires_grad_()
    mean_cross_entropy(broken, target)[0].backward()
    finite = broken.grad.isfinite().all(dim=1)
    assert finite.tolist() == [True, True, False, True, True, True, True]


@pytest.mark.parametrize('label', [-100, -1, 6])
@pytest.mark.parametrize('arguments', [{}, dict(avg_factor=3)], ids=str)
@pytest.mark.parametrize('loss', [BalancedSoftmaxLoss, GALALoss])
def test_a_label_out_of_range_is_named(loss, arguments, label):
    module = loss(6)
    if loss is BalancedSoftmaxLoss:
        module.set_class_counts([6, 5, 4, 3, 2, 1])
    target = torch.tensor([0, label, 3])
    with pytest.raises(ValueError, match=rf'between 0 and 5.*got {label}\b'):
        module(torch.zeros(3, 6, requires_grad=True), target, **arguments)
    if loss is GALALoss:
        assert not module.pos_grad.any()


class Values(TorchDispatchMode):
    """Counts how often a tensor's value is read by Python."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize('lambda_neg', [1.0, 0.5])
def test_a_training_step_reads_no_value(lambda_neg):
    loss = GALALoss(5, lambda_neg=lambda_neg)
    logits, target, *_ = problem((7, 5), torch.float32)
    with Values() as values:
        loss(logits, target).backward()
        loss(logits, target).backward()
    assert values.count == 0
    with Values() as values:
        logits.detach().sum().item()
    assert values.count == 1


def seesaw(logits, target):
    counts = torch.arange(logits.shape[1]).flip(0) * 7
    return seesaw_loss(logits, target, counts)


def equalization(logits, target):
    generator = torch.Generator().manual_seed(1)
    drawn = torch.rand(logits.shape, generator=generator) < 0.5
    return equalization_loss(logits, target, drawn)


@pytest.mark.parametrize('loss', [seesaw, equalization])
@pytest.mark.parametrize('dtype', [torch.float16, torch.float32, torch.float64])
def test_factors_of_blocks_of_rows_are_those_of_all(loss, dtype, monkeypatch):
    logits, target, *_ = problem((7, 5), dtype)
    results = {}
    for sizes in ((2**40, 2**18), (0, 2**18), (0, 10), (0, 1)):
        monkeypatch.setitem(ONE_NODE, 'cpu', sizes[0])
        monkeypatch.setattr(MODULE, 'BLOCK', sizes[1])
        losses = loss(logits, target)
        weighted = (losses * torch.linspace(0, 2, 7)).sum()
        results[sizes] = losses, torch.autograd.grad(weighted, logits)[0]
    (expected, wanted), *others = results.values()
    for losses, gradient in others:
        assert torch.equal(losses, expected)
        assert_close(gradient, wanted)


def test_derivatives_of_both_orders_are_right_with_factors(monkeypatch):
    monkeypatch.setattr(MODULE, 'BLOCK', 10)
    logits, target, *_ = problem((5, 4), torch.float64)
    assert torch.autograd.gradcheck(equalization, (logits, target))
    assert torch.autograd.gradgradcheck(equalization, (logits, target))
