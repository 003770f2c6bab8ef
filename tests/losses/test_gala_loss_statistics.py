"""When and by how much the statistics of `GALALoss` grow."""

import copy

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mmgala.losses import GALALoss
from tests.batches import random_logits, random_target
from tests.reference.gala_numpy import Gala

VARIANTS = ['paper', 'official']
KINDS = ['hard', 'soft']
pytestmark = pytest.mark.parametrize('variant', VARIANTS)


def batch(kind='hard', seed=0, size=8):
    logits = random_logits(size, 5, seed=seed).requires_grad_()
    return logits, random_target(kind, size, 5, seed=seed)


def trained(variant, **kwargs):
    """A loss that has seen three batches."""
    loss_module = GALALoss(5, variant=variant, **kwargs)
    for seed in (10, 11, 12):
        loss_module(*batch(seed=seed))
    return loss_module


def statistics(loss_module):
    return {name: b.clone() for name, b in loss_module.named_buffers()}


def assert_statistics_are(loss_module, reference):
    actual = torch.stack([loss_module.pos_grad, loss_module.neg_grad])
    expected = np.stack([reference.theta, reference.phi])
    np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('kind', KINDS)
def test_one_training_forward_adds_one_batch_and_backward_nothing(variant, kind):
    loss_module, reference = GALALoss(5, variant=variant), Gala(5, variant=variant)
    logits, target = batch(kind)
    loss = loss_module(logits, target)
    reference.step(logits.detach(), target)
    assert_statistics_are(loss_module, reference)
    loss.backward(retain_graph=True)
    loss.backward()
    assert_statistics_are(loss_module, reference)


@pytest.mark.parametrize('kind', KINDS)
def test_a_batch_does_not_see_its_own_contribution(variant, kind):
    loss_module = trained(variant)
    frozen = copy.deepcopy(loss_module).eval()
    logits, target = batch(kind)
    assert torch.equal(loss_module(logits, target), frozen(logits, target))
    assert not torch.equal(loss_module(logits, target), frozen(logits, target))


@pytest.mark.parametrize('kind', KINDS)
def test_a_sample_of_weight_0_adds_nothing(variant, kind):
    loss_module, reference = GALALoss(5, variant=variant), Gala(5, variant=variant)
    logits, target = batch(kind)
    weight = torch.tensor([1, 0, 1, 0, 0, 1, 1, 0])
    loss_module(logits, target, weight=weight)
    reference.step(logits.detach(), target, weight)
    assert_statistics_are(loss_module, reference)


@pytest.mark.parametrize('kind', KINDS)
def test_a_sample_of_weight_2_adds_what_the_sample_twice_does(variant, kind):
    logits, target = batch(kind)
    weight = torch.tensor([2.0, 1, 1, 2, 1, 2, 1, 1])
    repeats = weight.long()
    weighted, repeated = (GALALoss(5, variant=variant) for _ in range(2))
    weighted(logits, target, weight=weight)
    repeated(logits.repeat_interleave(repeats, 0), target.repeat_interleave(repeats, 0))
    # The official variant divides by the batch size, which is 11 instead of 8.
    scale = 1.0 if variant == 'paper' else 8 / 11
    assert_close(weighted.pos_grad * scale, repeated.pos_grad)
    assert_close(weighted.neg_grad * scale, repeated.neg_grad)


@pytest.mark.parametrize(
    'arguments',
    [
        dict(avg_factor=3),
        dict(reduction_override='sum'),
        dict(reduction_override='none'),
    ],
    ids=str,
)
def test_they_do_not_depend_on_how_the_loss_is_reduced(variant, arguments):
    plain, reduced = GALALoss(5, variant=variant), GALALoss(5, variant=variant)
    plain(*batch())
    reduced(*batch(), **arguments)
    assert_close(statistics(reduced), statistics(plain), rtol=0, atol=0)


def test_gradient_accumulation_follows_the_formula(variant):
    """Two half batches: the second sees the first; the double batch sees neither."""
    logits, target = batch()
    halves = [(logits[:4], target[:4]), (logits[4:], target[4:])]
    results = []
    for batches in (halves, [(logits, target)]):
        loss_module, reference = GALALoss(5, variant=variant), Gala(5, variant=variant)
        for part, labels in batches:
            loss_module(part, labels)
            reference.step(part.detach(), labels)
        assert_statistics_are(loss_module, reference)
        results.append(loss_module.pos_grad)
    assert not torch.allclose(*results, rtol=1e-3)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
@pytest.mark.parametrize('weighted', [False, True])
def test_rows_with_non_finite_logits_never_enter(variant, kind, bad, weighted):
    logits, target = batch(kind)
    labels = target if kind == 'hard' else target.argmax(dim=1)
    broken = logits.detach().clone()
    broken[0, labels[0]] = bad
    broken[1, (labels[1] + 1) % 5] = bad
    loss_module, reference = GALALoss(5, variant=variant), Gala(5, variant=variant)

    weight = torch.ones(8) if weighted else None
    loss_module(broken.requires_grad_(), target, weight=weight)

    reference.step(logits.detach(), target, [0, 0, 1, 1, 1, 1, 1, 1])
    assert_statistics_are(loss_module, reference)


def test_their_size_is_linear_in_the_number_of_classes(variant):
    loss_module = trained(variant)
    assert list(loss_module.parameters()) == []
    for name, buffer in loss_module.named_buffers():
        assert buffer.numel() <= 2 * 5, name
    assert loss_module.pos_grad.shape == loss_module.neg_grad.shape == (5,)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
def test_logits_of_1e4_give_exact_values(variant, kind, dtype):
    logits = torch.tensor([[1e4, -1e4, 0, 0, 0], [-1e4, 1e4, 0, 0, 0]], dtype=dtype)
    target = torch.tensor([0, 0])
    if kind == 'soft':
        target = torch.tensor([[1.0, 0, 0, 0, 0], [0.5, 0, 0.5, 0, 0]])
    loss_module = GALALoss(5, variant=variant)
    loss = loss_module(logits.requires_grad_(), target)
    # First sample: no gradient. Second: 20,000 below at the label (and 10,000).
    assert_close(loss.detach(), torch.tensor(2e4 / 2 if kind == 'hard' else 1.5e4 / 2))
    share = 1.0 if kind == 'hard' else 0.5
    scale = 1.0 if variant == 'paper' else 0.5  # a mean over two samples
    assert_close(loss_module.pos_grad[0].item(), share * scale)


def test_nothing_is_added_while_they_are_frozen(variant):
    loss_module = trained(variant)
    before = statistics(loss_module)
    with loss_module.frozen():
        loss_module(*batch())
    assert_close(statistics(loss_module), before, rtol=0, atol=0)
    loss_module(*batch())
    assert not torch.equal(loss_module.pos_grad, before['pos_grad'])


def test_eps_can_be_set_later(variant):
    logits = torch.tensor([[0.5, -1.0, 2.0]])
    target = torch.tensor([1])
    changed = GALALoss(3, variant=variant)
    built = GALALoss(3, variant=variant, eps=0.25)
    before = changed.eval()(logits, target)
    for loss in (changed, built):
        loss.pos_grad.copy_(torch.tensor([4.0, 0.0, 1.0]))
        loss.neg_grad.copy_(loss.pos_grad)
    changed.eps = 0.25
    assert changed.eps == 0.25
    assert 'eps=0.25' in repr(changed)
    assert torch.equal(changed(logits, target), built.eval()(logits, target))
    assert not torch.equal(changed(logits, target), before)
