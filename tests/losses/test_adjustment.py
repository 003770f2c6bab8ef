"""Losses that are cross-entropy on shifted logits, computed without the logits."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from mmgala.losses import GALALoss, LogitAdjustment, LogitAdjustmentLoss
from tests.batches import random_logits, random_target
from tests.losses.loss_cases import CASES, NUM_CLASSES
from tests.reference.gala_numpy import Gala

SHIFTS = {
    'balanced_softmax': (True, False),
    'logit_adjustment': (True, False),
    'ldam': (False, True),
    'ldam_reweighted': (False, True),
    'class_balanced': (False, False),
    'gala': (True, True),  # with different strengths
    'gala_official': (True, False),
    'gala_counts': (True, True),
    'gala_label_margin': (True, True),
    'gala_lead': (True, True),
}


def batch(seed=1, size=30):
    logits = random_logits(size, NUM_CLASSES, seed=seed).float().requires_grad_()
    return logits, random_target('hard', size, NUM_CLASSES, seed=seed)


def sample_losses(logits, target, shifts):
    """Cross-entropy in float64 on logits that are shifted one after the other."""
    rows = []
    for row, label in zip(logits.double(), target, strict=True):
        own = F.one_hot(label, NUM_CLASSES)
        if shifts.bias is not None:
            row = row + shifts.bias
        if shifts.label_margin is not None:
            row = row + own * shifts.label_margin
        rows.append(row.logsumexp(dim=0) - row[label])
    return torch.stack(rows).float()


@pytest.mark.parametrize('name', CASES)
def test_which_losses_are_shifts_and_of_what(name):
    shifts = CASES[name].warmed_up().adjustment()
    if name not in SHIFTS:
        assert shifts is None
        return
    vectors = (shifts.bias, shifts.label_margin)
    assert tuple(v is not None for v in vectors) == SHIFTS[name]
    for vector in filter(lambda v: v is not None, vectors):
        assert vector.shape == (NUM_CLASSES,)
        assert vector.dtype == torch.float32
        assert not vector.requires_grad


@pytest.mark.parametrize('arguments', [{}, dict(avg_factor=7), dict(weight=2)], ids=str)
@pytest.mark.parametrize('name', SHIFTS)
def test_finished_sample_losses_equal_a_call(name, arguments):
    if 'weight' in arguments:
        arguments = dict(weight=torch.linspace(0, 2, 30))
    whole = CASES[name].warmed_up()
    parts = copy.deepcopy(whole)
    logits, target = batch()
    others = logits.detach().clone().requires_grad_()

    expected = whole(logits, target, **arguments)
    losses = sample_losses(others, target, parts.adjustment())
    actual = parts.finish(losses, target, **arguments)
    expected.backward()
    actual.backward()

    assert_close(actual, expected)
    assert_close(others.grad, logits.grad)
    assert_close(parts.state_dict(), whole.state_dict())


def test_finish_updates_in_training_only_and_checks_weights():
    loss = GALALoss(NUM_CLASSES)
    logits, target = batch()
    with pytest.raises(ValueError, match=r'weight.*got -1'):
        loss.finish(logits[:, 0], target, torch.full((30,), -1.0))
    loss.eval().finish(logits[:, 0].abs(), target)
    assert not loss.pos_grad.any()


@pytest.mark.parametrize('name', ['balanced_softmax', 'ldam', 'class_balanced'])
def test_an_adjustment_needs_the_counts_it_is_made_of(name):
    with pytest.raises(ValueError, match='needs the class counts'):
        CASES[name].build(counts=None).adjustment()


def test_vector_scaling_without_factors_is_a_bias():
    counts = [50, 30, 10, 5, 3, 2]
    scaling = CASES['vector_scaling'].loss(6, gamma=0, tau=1.3, class_counts=counts)
    expected = LogitAdjustmentLoss(6, tau=1.3, class_counts=counts).adjustment()
    assert_close(scaling.adjustment().bias, expected.bias)
    assert scaling.adjustment().label_margin is None


def test_a_loss_of_the_user_is_its_adjustment():
    class Shifted(LogitAdjustmentLoss):
        def adjustment(self):
            return LogitAdjustment(label_margin=torch.full((6,), 2.0))

    logits, target = batch()
    shifted = logits + 2.0 * F.one_hot(target, 6)
    actual = Shifted(6, class_counts=[1] * 6)(logits, target)
    assert_close(actual, F.cross_entropy(shifted, target))


def trained(kinds, **arguments):
    """A loss and its formula after batches of hard and soft labels."""
    loss = GALALoss(NUM_CLASSES, 1.2, 1.2, **arguments)
    reference = Gala(NUM_CLASSES, 1.2, 1.2)
    for seed, kind in enumerate(kinds):
        logits = random_logits(30, NUM_CLASSES, seed=seed).float().requires_grad_()
        target = random_target(kind, 30, NUM_CLASSES, seed=seed)
        target = target.float() if kind == 'soft' else target
        loss(logits, target)
        reference.step(logits.detach().numpy(), target)
    return loss, reference


def test_equal_strengths_are_a_bias_until_a_soft_label():
    loss, _ = trained(['hard', 'hard'])
    assert torch.equal(loss.pos_grad, loss.neg_grad)
    expected = 1.2 * (loss.pos_grad + loss.eps).log()
    assert_close(loss.adjustment().bias, expected)
    assert loss.adjustment().label_margin is None
    loss, _ = trained(['hard', 'soft'])
    assert loss.adjustment().label_margin.abs().max() > 0.01
    loss.reset_statistics()
    assert loss.adjustment().label_margin is None


@pytest.mark.parametrize('kinds', [['hard'] * 4, ['hard', 'soft', 'hard', 'hard']])
def test_statistics_of_mixed_batches_follow_the_formula(kinds):
    loss, reference = trained(kinds)
    np.testing.assert_allclose(loss.pos_grad, reference.theta, rtol=1e-5)
    np.testing.assert_allclose(loss.neg_grad, reference.phi, rtol=1e-5)


def copied(loss):
    return copy.deepcopy(loss)


def loaded(loss):
    other = GALALoss(NUM_CLASSES, 1.2, 1.2)
    other.load_state_dict(loss.state_dict())
    return other


def moved(loss):
    return nn.Sequential(loss).double()[0]


@pytest.mark.parametrize('how', [copied, loaded, moved])
@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_whether_both_sums_are_equal_survives(how, kind):
    loss = how(trained(['hard', kind])[0])
    assert (loss.adjustment().label_margin is None) == (kind == 'hard')


@pytest.mark.parametrize('how', [lambda loss: loss, copied])
def test_sums_that_something_else_changes_are_compared(how):
    loss, _ = trained(['hard'])
    loss.neg_grad += 1
    loss = how(loss)
    expected = 1.2 * ((loss.neg_grad + 1e-3) / (loss.pos_grad + 1e-3)).log()
    assert_close(loss.adjustment().label_margin, expected)
