"""`GALALoss` reduces, weighs and averages as MMPretrain's losses do."""

import itertools

import pytest
import torch
from mmpretrain.models.losses import CrossEntropyLoss
from torch.testing import assert_close

from mmgala.models import GALALoss
from tests.batches import random_logits, random_target

VARIANTS = ['paper', 'official']
CALLS = list(
    itertools.product(
        ['none', 'mean', 'sum'],  # reduction
        [None, 'none', 'mean', 'sum'],  # reduction_override
        [None, 3.0],  # avg_factor
        [False, True],  # weight
    )
)


@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize(('reduction', 'override', 'avg_factor', 'weighted'), CALLS)
def test_without_margins_it_is_mmpretrain_cross_entropy(
    reduction, override, avg_factor, weighted, variant, kind
):
    logits, target = random_logits(4, 5).requires_grad_(), random_target(kind, 4, 5)
    ours = GALALoss(5, 0.0, 0.0, variant=variant, reduction=reduction, loss_weight=0.7)
    theirs = CrossEntropyLoss(
        reduction=reduction, loss_weight=0.7, use_soft=kind == 'soft'
    )
    call = dict(
        weight=torch.tensor([0.5, 0.0, 2.0, 1.0]) if weighted else None,
        avg_factor=avg_factor,
        reduction_override=override,
    )
    if (override or reduction) == 'sum' and avg_factor is not None:
        for loss_module in (theirs, ours):
            with pytest.raises(ValueError, match='avg_factor can not be used'):
                loss_module(logits, target, **call)
        return

    results = []
    for loss_module in (ours, theirs):
        loss = loss_module(logits, target, **call)
        results.append((loss, torch.autograd.grad(loss.sum(), logits)[0]))

    assert_close(results[0], results[1])


@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_loss_weight_multiplies_loss_and_gradient(variant, kind):
    logits, target = random_logits(4, 5).requires_grad_(), random_target(kind, 4, 5)
    results = []
    for loss_weight in (1.0, 3.0):
        loss = GALALoss(5, variant=variant, loss_weight=loss_weight)(logits, target)
        results.append((loss, torch.autograd.grad(loss, logits)[0]))
    (loss, gradient), (heavy_loss, heavy_gradient) = results
    assert_close(heavy_loss, 3 * loss)
    assert_close(heavy_gradient, 3 * gradient)


@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_sum_with_weight_2_is_the_loss_of_the_sample_twice(kind):
    logits, target = random_logits(4, 5).requires_grad_(), random_target(kind, 4, 5)
    weight = torch.tensor([2.0, 1, 1, 2])
    repeats = weight.long()
    weighted, repeated = GALALoss(5, reduction='sum'), GALALoss(5, reduction='sum')
    assert_close(
        weighted(logits, target, weight=weight),
        repeated(
            logits.repeat_interleave(repeats, 0), target.repeat_interleave(repeats, 0)
        ),
    )
