"""`EqualizationLoss` is used as MMPretrain's losses are, and refuses bad input."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.models.losses import CrossEntropyLoss
from torch import nn
from torch.testing import assert_close

from mmgala.models import EqualizationLoss
from mmgala.registry import MODELS
from tests.batches import random_logits, random_target
from tests.models.losses.test_equalization_loss import COUNTS, KINDS, TAIL, build


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('plain', [dict(ignore_prob=0), dict(tail_threshold=0), 'eval'])
@pytest.mark.parametrize('reduction', ['none', 'mean', 'sum'])
@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('avg_factor', [None, 3.0])
def test_reduces_weighs_and_averages_as_mmpretrain_does(
    kind, plain, reduction, weighted, avg_factor
):
    logits, target = random_logits(4, 6).requires_grad_(), random_target(kind, 4, 6)
    arguments = {} if plain == 'eval' else plain
    ours = build(**arguments, reduction=reduction, loss_weight=0.7)
    ours.train(plain != 'eval')
    theirs = CrossEntropyLoss(
        reduction=reduction, loss_weight=0.7, use_soft=kind == 'soft'
    )
    call = dict(
        weight=torch.tensor([0.5, 0.0, 2.0, 1.0]) if weighted else None,
        avg_factor=avg_factor,
    )
    if reduction == 'sum' and avg_factor is not None:
        for loss_module in (theirs, ours):
            with pytest.raises(ValueError, match='avg_factor can not be used'):
                loss_module(logits, target, **call)
        call['reduction_override'] = 'mean'

    results = []
    for loss_module in (ours, theirs):
        loss = loss_module(logits, target, **call)
        results.append((loss, torch.autograd.grad(loss.sum(), logits)[0]))

    assert_close(results[0], results[1])


def test_eval_mode_needs_no_counts_and_draws_nothing():
    loss_module = EqualizationLoss(6).eval()
    logits, target = random_logits(4, 6), random_target('hard', 4, 6)
    state = torch.get_rng_state()

    assert_close(loss_module(logits, target), F.cross_entropy(logits, target))
    assert torch.equal(torch.get_rng_state(), state)


def test_training_without_counts_says_how_to_get_them():
    message = r"add custom_hooks=\[dict\(type='mmgala.ClassCountsHook'\)\]"
    with pytest.raises(ValueError, match=message):
        EqualizationLoss(6)(torch.zeros(1, 6), torch.tensor([0]))


@pytest.mark.parametrize(('reduction', 'shape'), [('mean', ()), ('none', (0,))])
def test_empty_batch(reduction, shape):
    logits = torch.zeros(0, 6, requires_grad=True)

    loss = build(reduction=reduction)(logits, torch.zeros(0).long())
    loss.sum().backward()

    assert loss.shape == shape
    assert loss.sum() == 0


@pytest.mark.parametrize('strict', [True, False])
def test_checkpoint_keeps_the_counts(strict):
    loss_module = EqualizationLoss(6, 0.7, 0.1)

    loss_module.load_state_dict(build().state_dict(), strict=strict)

    assert loss_module.class_counts.tolist() == COUNTS
    assert loss_module.tail.tolist() == TAIL
    loss_module(torch.zeros(1, 6), torch.tensor([0]))  # trains
    assert list(build().state_dict()) == ['class_counts']
    # A checkpoint of a training that had not begun.
    loss_module.load_state_dict(EqualizationLoss(6).state_dict())
    with pytest.raises(ValueError, match='ClassCountsHook'):
        loss_module(torch.zeros(1, 6), torch.tensor([0]))


def test_a_copy_trains_and_a_cast_model_keeps_counts_exactly():
    counts = [2**24 + 1, 70_000, 3, 2, 1, 0]  # not all of them float32 or float16
    model = nn.Sequential(nn.Linear(2, 6), build(class_counts=counts))

    model = copy.deepcopy(model).half()

    assert model[1].class_counts.tolist() == counts
    loss = model[1](torch.zeros(2, 6).half(), torch.tensor([0, 1]))
    assert loss.dtype == torch.float32


def test_autocast_trains_as_float32_does():
    layer = nn.Linear(3, 6)
    features, target = torch.randn(50, 3), random_target('hard', 50, 6)

    with torch.autocast('cpu', torch.bfloat16):
        logits = layer(features)
        torch.manual_seed(1)
        loss = build()(logits, target)
    torch.manual_seed(1)
    expected = build()(logits.float(), target)

    assert logits.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    assert_close(loss, expected, rtol=1e-6, atol=0)


def test_it_is_built_by_its_registered_name():
    cfg = dict(type='mmgala.EqualizationLoss', num_classes=6)
    assert type(MODELS.build(cfg)) is EqualizationLoss


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_classes=1), '`num_classes` to be 2 or more, but got 1'),
        (dict(ignore_prob=1.5), '`ignore_prob` to be between 0 and 1, but got 1.5'),
        (dict(tail_threshold=-1), '`tail_threshold` to be between 0 and 1, but got -1'),
        (dict(reduction='avg'), r"`reduction` to be one of \('none',.*got 'avg'"),
        (dict(class_counts=[1, 2]), r'to hold 6 values.*got shape \(2,\)'),
        (dict(class_counts=[0] * 6), 'not all 0, but got values from 0 to 0'),
        (dict(class_counts=[-1, 1, 1, 1, 1, 1]), 'got values from -1 to 1'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)


def test_logits_of_another_number_of_classes_are_refused():
    message = r'num_classes=6, but got logits of shape \(2, 5\). Set both'
    with pytest.raises(ValueError, match=message):
        build()(torch.zeros(2, 5), torch.tensor([0, 1]))


def test_unknown_reduction_override_is_refused():
    with pytest.raises(ValueError, match="`reduction` to be one of .*got 'avg'"):
        build()(torch.zeros(1, 6), torch.tensor([0]), reduction_override='avg')
