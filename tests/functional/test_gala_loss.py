"""`gala_loss`: value and gradient, and the losses that it reduces to."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmgala.functional import gala_loss, gala_margin
from tests.batches import one_hot, random_logits, random_statistics, random_target
from tests.reference import gala_numpy

KINDS = ['hard', 'soft']


def value_and_gradient(function, logits, *args, **kwargs):
    """Unreduced loss, and the gradient of its sum weighted by 1, 2, 3, ..."""
    logits = logits.clone().requires_grad_()
    loss = function(logits, *args, **kwargs)
    loss.backward(torch.arange(1, len(loss) + 1, dtype=loss.dtype))
    return loss.detach(), logits.grad


def reference(logits, target, pos, neg, lambda_pos, lambda_neg):
    """The same from the NumPy formulas."""
    num_classes = logits.shape[1]
    arguments = pos.numpy(), neg.numpy(), target.numpy(), lambda_pos, lambda_neg
    if target.ndim == 1:
        margin = gala_numpy.margins_hard(*arguments)
        target = torch.from_numpy(gala_numpy.one_hot(target.numpy(), num_classes))
    else:
        margin = gala_numpy.margins_soft(*arguments)
    losses, gradients = gala_numpy.cross_entropy(
        logits.numpy() + margin, target.numpy()
    )
    upstream = torch.arange(1, len(losses) + 1, dtype=torch.float64)
    return torch.from_numpy(losses), torch.from_numpy(gradients) * upstream[:, None]


@pytest.mark.parametrize(('num_samples', 'num_classes'), [(9, 2), (9, 7), (3, 8142)])
@pytest.mark.parametrize('kind', KINDS)
def test_value_and_gradient_are_those_of_the_reference(kind, num_samples, num_classes):
    logits = random_logits(num_samples, num_classes)
    target = random_target(kind, num_samples, num_classes)
    pos, neg = random_statistics(num_classes)

    actual = value_and_gradient(gala_loss, logits, target, pos, neg, 1.2, 0.9)

    expected = reference(logits, target, pos, neg, 1.2, 0.9)
    assert_close(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('kind', KINDS)
def test_equals_cross_entropy_on_logits_plus_margin(kind):
    logits, target = random_logits(9, 7), random_target(kind, 9, 7)
    pos, neg = random_statistics(7)

    def naive(logits):
        margin = gala_margin(pos, neg, target, 1.2, 0.9)
        return F.cross_entropy(logits + margin, target, reduction='none')

    actual = value_and_gradient(gala_loss, logits, target, pos, neg, 1.2, 0.9)
    assert_close(actual, value_and_gradient(naive, logits))


def test_one_hot_soft_labels_equal_class_indices():
    logits, labels = random_logits(9, 7), random_target('hard', 9, 7)
    statistics = random_statistics(7)
    assert_close(
        value_and_gradient(gala_loss, logits, one_hot(labels, 7), *statistics),
        value_and_gradient(gala_loss, logits, labels, *statistics),
    )


@pytest.mark.parametrize('kind', KINDS)
def test_both_lambdas_0_give_cross_entropy(kind):
    logits, target = random_logits(9, 7), random_target(kind, 9, 7)
    pos, neg = random_statistics(7)
    assert_close(
        value_and_gradient(gala_loss, logits, target, pos, neg, 0.0, 0.0),
        value_and_gradient(F.cross_entropy, logits, target, reduction='none'),
    )


def test_constant_equal_statistics_give_cross_entropy():
    logits, labels = random_logits(9, 7), random_target('hard', 9, 7)
    constant = torch.full((7,), 42.0, dtype=torch.float64)
    assert_close(
        value_and_gradient(gala_loss, logits, labels, constant, constant),
        value_and_gradient(F.cross_entropy, logits, labels, reduction='none'),
    )


@pytest.mark.parametrize('kind', KINDS)
def test_statistics_and_target_get_no_gradient(kind):
    logits = random_logits(9, 7).requires_grad_()
    target = random_target(kind, 9, 7)
    pos, neg = random_statistics(7)
    loss = gala_loss(logits, target, pos, neg)
    loss.sum().backward()
    assert not pos.requires_grad
    assert not neg.requires_grad
    assert logits.grad.abs().sum() > 0


def test_inputs_are_not_modified():
    logits, labels = random_logits(9, 7), random_target('hard', 9, 7)
    inputs = [logits, labels, *random_statistics(7)]
    before = [tensor.clone() for tensor in inputs]
    value_and_gradient(gala_loss, *inputs)
    gala_loss(*inputs)
    for tensor, copy in zip(inputs, before, strict=True):
        assert torch.equal(tensor, copy)


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int32, torch.int64])
def test_class_indices_may_be_any_integer(dtype):
    logits, labels = random_logits(9, 7), random_target('hard', 9, 7)
    pos, neg = random_statistics(7)
    expected = gala_loss(logits, labels, pos, neg)
    assert torch.equal(gala_loss(logits, labels.to(dtype), pos, neg), expected)


def test_logits_need_not_be_contiguous():
    logits, labels = random_logits(7, 9).T, random_target('hard', 9, 7)
    statistics = random_statistics(7)
    assert_close(
        value_and_gradient(gala_loss, logits, labels, *statistics),
        value_and_gradient(gala_loss, logits.contiguous(), labels, *statistics),
    )
