"""`logit_gradient_sums` and its shortcut from the loss against formula and autograd."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmgala.functional import gradient_sum_from_loss, logit_gradient_sums
from tests.batches import one_hot, random_logits, random_target
from tests.reference import gala_numpy

KINDS = ['hard', 'soft']
SUMS = {'hard': gala_numpy.gradient_sums_hard, 'soft': gala_numpy.gradient_sums_soft}


def reference(logits, target, weight=None):
    weight = None if weight is None else weight.numpy()
    kind = 'hard' if target.ndim == 1 else 'soft'
    probabilities = gala_numpy.softmax(logits.double().numpy())
    sums = SUMS[kind](probabilities, target.numpy(), weight)
    return tuple(torch.from_numpy(s).float() for s in sums)


@pytest.mark.parametrize(('num_samples', 'num_classes'), [(9, 2), (50, 7), (3, 8142)])
@pytest.mark.parametrize('kind', KINDS)
def test_sums_equal_the_formula(kind, num_samples, num_classes):
    logits = random_logits(num_samples, num_classes)
    target = random_target(kind, num_samples, num_classes)
    actual = logit_gradient_sums(logits, target)
    assert_close(actual, reference(logits, target), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('kind', KINDS)
def test_sums_are_weighted(kind):
    logits, target = random_logits(9, 7), random_target(kind, 9, 7)
    weight = torch.tensor([0, 1, 2, 0.5, 0, 3, 1, 1, 0.25])
    actual = logit_gradient_sums(logits, target, weight)
    expected = reference(logits, target, weight)
    assert_close(actual, expected, rtol=1e-6, atol=1e-6)


def test_sums_are_the_signed_parts_of_the_gradient_of_cross_entropy():
    logits, labels = random_logits(50, 7).requires_grad_(), random_target('hard', 50, 7)
    F.cross_entropy(logits, labels, reduction='sum').backward()
    at_label = one_hot(labels, 7)
    positive = -(logits.grad * at_label).sum(dim=0)
    negative = at_label.T @ (logits.grad * (1 - at_label)).sum(dim=1)

    pos, neg = logit_gradient_sums(logits, labels)

    assert_close(pos, positive.float())
    assert_close(neg, negative.float())


def test_theta_equals_phi_for_softmax():
    pos, neg = logit_gradient_sums(random_logits(50, 7), random_target('hard', 50, 7))
    assert torch.equal(pos, neg)


def test_one_hot_soft_labels_equal_class_indices():
    logits, labels = random_logits(50, 7), random_target('hard', 50, 7)
    assert_close(
        logit_gradient_sums(logits, one_hot(labels, 7)),
        logit_gradient_sums(logits, labels),
    )


@pytest.mark.parametrize('weight', [None, torch.tensor([0, 1, 2, 0.5, 3])])
def test_sums_from_the_loss_equal_those_from_the_logits(weight):
    logits, labels = random_logits(5, 7), random_target('hard', 5, 7)
    loss = F.cross_entropy(logits, labels, reduction='none')
    own = gradient_sum_from_loss(loss, labels, 7, weight)
    assert_close((own, own), logit_gradient_sums(logits, labels, weight))


def test_a_confident_sample_keeps_its_small_gradient():
    # 1 - exp(-loss) would round to 0 here.
    loss, labels = torch.tensor([1e-9]), torch.tensor([0])
    total = gradient_sum_from_loss(loss, labels, 2)
    assert_close(total[0].item(), 1e-9, rtol=1e-6, atol=0)


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_a_loss_that_is_not_finite_adds_nothing(bad):
    loss, labels = torch.tensor([bad, 0.5]), torch.tensor([0, 1])
    total = gradient_sum_from_loss(loss, labels, 3)
    expected = 1 - torch.exp(torch.tensor(-0.5)).item()
    assert total.tolist() == pytest.approx([0.0, expected, 0.0])


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_only_rows_with_non_finite_logits_add_nothing(bad, kind):
    logits, target = random_logits(9, 7), random_target(kind, 9, 7)
    expected = logit_gradient_sums(logits[2:], target[2:])
    label = target[0] if kind == 'hard' else target[0].argmax()
    logits[0, label] = bad
    logits[1, 6 - label] = bad

    actual = logit_gradient_sums(logits, target)

    assert_close(actual, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_logits_are_summed_in_float32_under_autocast_too(dtype, kind):
    logits, target = random_logits(50, 7).to(dtype), random_target(kind, 50, 7)
    expected = reference(logits, target)

    plain = logit_gradient_sums(logits, target)
    with torch.autocast('cpu', dtype):
        autocast = logit_gradient_sums(logits, target)

    for actual in (plain, autocast):
        assert actual[0].dtype == actual[1].dtype == torch.float32
        assert_close(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('kind', KINDS)
def test_sums_of_an_empty_batch_are_0(kind):
    pos, neg = logit_gradient_sums(torch.zeros(0, 7), random_target(kind, 0, 7))
    assert pos.tolist() == neg.tolist() == [0.0] * 7


@pytest.mark.parametrize('kind', KINDS)
def test_sums_carry_no_gradient(kind):
    logits = random_logits(9, 7).requires_grad_()
    pos, neg = logit_gradient_sums(logits, random_target(kind, 9, 7))
    assert not pos.requires_grad
    assert not neg.requires_grad
