"""`GALALoss` over many training steps against the float64 reference."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mmgala.losses import GALALoss
from tests.batches import one_hot, random_logits, random_target
from tests.reference.gala_numpy import Gala

CASES = [
    (variant, kind) for variant in ('paper', 'official') for kind in ('hard', 'soft')
]
TOLERANCE = dict(rtol=1e-5, atol=1e-6)


def assert_same_statistics(loss_module, reference):
    for name, expected in (('pos_grad', reference.theta), ('neg_grad', reference.phi)):
        actual = getattr(loss_module, name).numpy()
        np.testing.assert_allclose(actual, expected, **TOLERANCE)


def check_step(loss_module, reference, logits, target):
    """One training forward and backward of both, and their comparison."""
    logits = logits.clone().requires_grad_()
    loss = loss_module(logits, target, reduction_override='none')
    loss.sum().backward()
    losses, gradients = reference.step(logits.detach().numpy(), target.numpy())
    assert_close(loss.detach(), torch.from_numpy(losses), **TOLERANCE)
    assert_close(logits.grad, torch.from_numpy(gradients), **TOLERANCE)
    assert_same_statistics(loss_module, reference)


@pytest.mark.parametrize(('variant', 'kind'), CASES)
@pytest.mark.parametrize('num_classes', [2, 6])
def test_every_step_of_a_training_is_the_formula(num_classes, variant, kind):
    loss_module = GALALoss(num_classes, 1.2, 0.9, variant=variant)
    reference = Gala(num_classes, 1.2, 0.9, variant)
    for step in range(50):
        batch_size = 1 + step % 7
        logits = random_logits(batch_size, num_classes, seed=step)
        target = random_target(kind, batch_size, num_classes, seed=step)
        check_step(loss_module, reference, logits, target)


@pytest.mark.parametrize(('variant', 'kind'), CASES)
def test_steps_with_8142_classes_are_the_formula(variant, kind):
    loss_module = GALALoss(8142, variant=variant)
    reference = Gala(8142, variant=variant)
    for step in range(2):
        logits, target = random_logits(1, 8142, step), random_target(kind, 1, 8142)
        check_step(loss_module, reference, logits, target)


@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_one_hot_soft_labels_train_as_class_indices_do(variant):
    hard, soft = GALALoss(6, variant=variant), GALALoss(6, variant=variant)
    for step in range(10):
        first = random_logits(5, 6, seed=step).requires_grad_()
        second = first.detach().clone().requires_grad_()
        labels = random_target('hard', 5, 6, seed=step)
        losses = hard(first, labels), soft(second, one_hot(labels, 6))
        for loss in losses:
            loss.backward()
        assert_close(*losses)
        assert_close(first.grad, second.grad)
    assert_close(soft.pos_grad, hard.pos_grad)
    assert_close(soft.neg_grad, hard.neg_grad)


@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_theta_equals_phi(variant):
    loss_module = GALALoss(6, 1.2, 0.9, variant=variant)
    for step in range(10):
        loss_module(
            random_logits(5, 6, seed=step).requires_grad_(),
            random_target('hard', 5, 6, seed=step),
        )
    assert torch.equal(loss_module.pos_grad, loss_module.neg_grad)
    assert loss_module.pos_grad.sum() > 1


def test_variants_with_equal_lambdas_differ_by_the_accumulation_only():
    """With theta == phi given, their losses and gradients are the same."""
    paper, official = GALALoss(6, 1.1, 1.1), GALALoss(6, 1.1, 1.1, variant='official')
    statistic = torch.linspace(0, 400, 6)
    logits, labels = random_logits(5, 6), random_target('hard', 5, 6)
    results = []
    for loss_module in (paper, official):
        loss_module.pos_grad.copy_(statistic)
        loss_module.neg_grad.copy_(statistic)
        leaf = logits.clone().requires_grad_()
        loss = loss_module(leaf, labels)
        loss.backward()
        results.append((loss.detach(), leaf.grad))
    assert_close(results[0], results[1])


@pytest.mark.parametrize(('variant', 'says'), [('paper', False), ('official', True)])
def test_printing_says_where_lambda_neg_has_no_effect(variant, says):
    text = repr(GALALoss(4, 1.2, 0.9, variant=variant))
    assert ('lambda_neg has no effect' in text) == says


def test_an_unknown_variant_is_refused():
    message = r"`variant` to be one of \('paper', 'official'\), but got 'Paper'"
    with pytest.raises(ValueError, match=message):
        GALALoss(4, variant='Paper')
