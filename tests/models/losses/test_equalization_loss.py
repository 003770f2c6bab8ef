"""`EqualizationLoss` draws what it ignores, for each sample and class."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.models.losses import CrossEntropyLoss
from torch import nn
from torch.testing import assert_close

from mmgala.models import EqualizationLoss
from mmgala.registry import MODELS
from tests.batches import one_hot, random_logits, random_target
from tests.reference import equalization_numpy as reference

COUNTS = [500, 300, 100, 60, 40, 0]
TAIL = [False, False, False, True, True, True]  # of a threshold of 0.1
KINDS = ['hard', 'soft']


def build(**arguments):
    """Loss of six classes, of which three are tail."""
    defaults = dict(
        num_classes=6, ignore_prob=0.7, tail_threshold=0.1, class_counts=COUNTS
    )
    return EqualizationLoss(**{**defaults, **arguments})


@pytest.mark.parametrize('kind', KINDS)
def test_loss_is_that_of_the_formula_with_the_same_draws(kind):
    logits, target = random_logits(30, 6), random_target(kind, 30, 6)

    torch.manual_seed(5)
    loss = build()(logits, target, reduction_override='none')

    torch.manual_seed(5)
    beta = torch.rand(30, 6) < 0.7
    shares = target if kind == 'soft' else one_hot(target, 6)
    frequencies = torch.tensor(COUNTS).double() / sum(COUNTS)
    expected = reference.equalization_loss(
        logits.numpy(), shares.numpy(), beta.numpy(), frequencies.numpy(), 0.1
    )
    assert_close(loss, torch.from_numpy(expected), rtol=1e-12, atol=1e-12)


def test_classes_below_the_threshold_are_tail_and_those_at_it_are_not():
    assert build().tail.tolist() == TAIL
    # 7 / 100 and 0.07 are the same float64; 7 < 0.07 * 100 would hold.
    loss_module = EqualizationLoss(3, tail_threshold=0.07, class_counts=[87, 7, 6])
    assert loss_module.tail.tolist() == [False, False, True]


def test_the_default_is_for_cifar100_lt():
    counts = [int(500 * 100 ** (-c / 99)) for c in range(100)]

    loss_module = EqualizationLoss(100, class_counts=counts)

    assert loss_module.ignore_prob == 0.9
    assert int(loss_module.tail.sum()) == 52


def test_negative_gradient_on_tail_classes_is_ignored_as_often_as_stated():
    """Every draw is independent: of each class, of each sample, in each forward."""
    logits = torch.zeros(2000, 6, requires_grad=True)
    target = torch.zeros(2000, dtype=torch.long)
    loss_module = build(ignore_prob=0.8, reduction='sum')

    zero = []
    for _ in range(2):
        (gradient,) = torch.autograd.grad(loss_module(logits, target), logits)
        zero.append((gradient == 0).double())

    for part in zero:
        assert (part[:, :3] == 0).all()
        # Standard error: 0.009.
        assert_close(
            part[:, 3:].mean(0), torch.full((3,), 0.8).double(), rtol=0, atol=0.04
        )
    independent = torch.full((3,), 0.64).double()  # 0.8 twice
    assert_close((zero[0] * zero[1])[:, 3:].mean(0), independent, rtol=0, atol=0.05)
    both = (zero[0] * zero[0].roll(1, dims=1))[:, [4, 5]].mean(0)
    assert_close(both, independent[:2], rtol=0, atol=0.05)


def test_expected_gradient_of_a_tail_class_is_the_share_that_is_kept():
    # One tail class, so that where it is kept the softmax is cross-entropy's.
    logits = random_logits(1, 3).repeat(20_000, 1).requires_grad_()
    target = torch.zeros(20_000, dtype=torch.long)
    loss_module = EqualizationLoss(3, 0.9, 0.1, [60, 39, 1], reduction='sum')

    (gradient,) = torch.autograd.grad(loss_module(logits, target), logits)

    kept = F.softmax(logits[0].detach(), dim=0)[2]
    # Standard error: 0.3 / 141 of the probability.
    assert float(gradient[:, 2].mean() / kept) == pytest.approx(0.1, abs=0.01)


def test_own_samples_of_a_tail_class_pull_it_as_strongly_as_ever():
    logits = random_logits(200, 6).requires_grad_()
    target = torch.full((200,), 5)
    loss_module = build(ignore_prob=1.0, reduction='sum')

    (gradient,) = torch.autograd.grad(loss_module(logits, target), logits)

    others = logits.detach()[:, [0, 1, 2, 5]].softmax(dim=1)  # tail rivals are ignored
    assert_close(gradient[:, 5], others[:, 3] - 1)
    assert (gradient[:, 5] < 0).all()


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
