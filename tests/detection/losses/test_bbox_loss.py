"""`GALABBoxLoss`: both forms of background against float64 NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from torch.testing import assert_close

from mmgala.detection import GALABBoxLoss
from mmgala.models import GALALoss
from tests.detection.batches import NUM_CLASSES, weights
from tests.detection.losses.bbox_forms import (
    FORMS,
    KEYS,
    as_columns,
    assert_statistics_are,
    batch,
    total,
)

LAMBDAS = [(1.0, 1.0), (1.2, 0.9), (0.0, 1.0), (1.0, 0.0)]


@pytest.mark.parametrize('lambdas', LAMBDAS)
@pytest.mark.parametrize('weighted', [False, True])
def test_ten_steps_equal_the_reference(form, lambdas, weighted):
    loss_module = GALABBoxLoss(NUM_CLASSES, form, *lambdas, reduction='none').double()
    reference = FORMS[form][0](NUM_CLASSES, *lambdas)
    for seed in range(10):
        logits, labels = batch(form, seed=seed)
        weight = weights(seed=seed) if weighted else torch.ones(24)
        actual = loss_module(logits, labels, weight)
        losses, gradients = reference.step(logits.detach(), labels.numpy(), weight)
        scale = weight.numpy()[:, None]
        assert_allclose(
            as_columns(actual).detach().numpy().reshape(24, -1),
            scale * losses.reshape(24, -1),
            rtol=1e-5,
            atol=1e-6,
        )
        total(actual).sum().backward()
        assert_allclose(logits.grad.numpy(), scale * gradients, rtol=1e-4, atol=1e-6)
        assert_statistics_are(loss_module, reference)
    assert loss_module.pos_grad.min() > 0


@pytest.mark.parametrize(
    ('reduction', 'avg_factor'), [('mean', None), ('mean', 7.0), ('sum', None)]
)
def test_reductions_are_of_the_unreduced_losses(form, reduction, avg_factor):
    logits, labels = batch(form)
    weight = weights()
    each = GALABBoxLoss(NUM_CLASSES, form, reduction='none')(logits, labels, weight)
    loss = GALABBoxLoss(NUM_CLASSES, form, reduction=reduction, loss_weight=2.5)(
        logits, labels, weight, avg_factor=avg_factor
    )
    divisor = 1 if reduction == 'sum' else avg_factor or 24
    expected = 2.5 * as_columns(each).sum(dim=0) / divisor
    actual = torch.stack([loss[k] for k in KEYS]) if isinstance(loss, dict) else loss
    assert_close(actual, expected)


def test_equal_statistics_make_it_cross_entropy(form):
    logits, labels = batch(form)
    loss_module = GALABBoxLoss(NUM_CLASSES, form, reduction='none')
    loss_module.pos_grad += 37.0
    loss_module.neg_grad += 37.0
    actual = as_columns(loss_module(logits, labels))
    if form == 'exclude':
        expected = F.cross_entropy(logits, labels, reduction='none')
    else:
        background = labels == NUM_CLASSES
        classes = F.cross_entropy(
            logits[:, :-2], labels.clamp(max=NUM_CLASSES - 1), reduction='none'
        )
        pair = F.cross_entropy(logits[:, -2:], background.long(), reduction='none')
        expected = torch.stack([pair, torch.where(background, 0.0, classes)], dim=1)
    assert_close(actual, expected)


def test_without_background_objectness_is_the_loss_of_classification():
    loss_module, plain = GALABBoxLoss(NUM_CLASSES, 'objectness'), GALALoss(NUM_CLASSES)
    for seed in range(3):
        logits, labels = batch('objectness', seed=seed, background_share=0.0)
        actual = loss_module(logits, labels)['loss_cls_classes']
        assert_close(actual, plain(logits[:, :-2], labels))
    assert_close(loss_module.pos_grad, plain.pos_grad)


def test_exclude_is_the_loss_of_classification_where_background_is_silent():
    loss_module, plain = GALABBoxLoss(NUM_CLASSES, 'exclude'), GALALoss(NUM_CLASSES)
    for seed in range(3):
        logits, labels = batch('exclude', seed=seed, background_share=0.0)
        silent = torch.cat((logits[:, :-1], torch.full((24, 1), -60.0)), dim=1)
        assert_close(loss_module(silent, labels), plain(logits[:, :-1], labels))
    assert_close(loss_module.pos_grad, plain.pos_grad)


@pytest.mark.parametrize('size', [0, 4])
def test_no_region_and_no_foreground_give_the_same_keys_and_a_gradient(form, size):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    logits, labels = batch(form, size=size, background_share=1.1)
    loss = loss_module(logits, labels, torch.ones(size), avg_factor=1.0)
    total(loss).backward()
    assert total(loss).isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    usual = loss_module(*batch(form))
    if form == 'objectness':
        assert loss.keys() == usual.keys()
        assert loss['loss_cls_classes'] == 0
    accuracy = loss_module.get_accuracy(logits, labels)
    assert accuracy.keys() == loss_module.get_accuracy(*batch(form)).keys()
    assert all(value.isfinite().all() for value in accuracy.values())


def test_scores_are_probabilities_with_background_last(form):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module.get_cls_channels(NUM_CLASSES)
    logits = batch(form)[0].detach()
    scores = loss_module.get_activation(logits)
    assert scores.shape == (24, NUM_CLASSES + 1)
    assert_close(scores.sum(dim=1), torch.ones(24, dtype=torch.float64))
    exp = np.exp(logits.numpy())
    if form == 'exclude':
        expected = exp / exp.sum(axis=1, keepdims=True)
    else:
        pair = exp[:, -2:] / exp[:, -2:].sum(axis=1, keepdims=True)
        classes = exp[:, :-2] / exp[:, :-2].sum(axis=1, keepdims=True)
        expected = np.hstack([classes * pair[:, :1], pair[:, 1:]])
    assert_allclose(scores.numpy(), expected)


def test_accuracies_match_their_keys():
    logits = torch.tensor(
        [[9.0, 0, 0, 9, 0], [9, 0, 0, 0, 9], [0, 9, 0, 9, 0], [0, 0, 9, 0, 9]]
    )
    labels = torch.tensor([0, 1, 2, 3])
    accuracy = GALABBoxLoss(3, 'objectness').get_accuracy(logits, labels)
    assert accuracy['acc_objectness'] == 75
    assert_close(accuracy['acc_classes'], torch.tensor([100 / 3]))
    labels = torch.tensor([0, 1, 3, 2])
    assert GALABBoxLoss(3, 'exclude').get_accuracy(torch.eye(4), labels)['acc'] == 50


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(form, dtype):
    logits, labels = batch(form)
    half = logits.detach().to(dtype).requires_grad_()
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module.half()(half, labels)
    reference = GALABBoxLoss(NUM_CLASSES, form)
    expected = reference(half.detach().float().requires_grad_(), labels)
    actual = GALABBoxLoss(NUM_CLASSES, form)(half, labels)
    assert_close(total(actual), total(expected))
    assert_close(loss_module.pos_grad, reference.pos_grad)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        mixed = GALABBoxLoss(NUM_CLASSES, form)
        assert_close(total(mixed(half, labels)), total(expected))
    assert_close(mixed.pos_grad, reference.pos_grad)


def test_extreme_logits_stay_finite(form):
    logits, labels = batch(form)
    extreme = (100 * logits.detach().sign()).float().requires_grad_()
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    for _ in range(3):
        loss = total(loss_module(extreme, labels))
        loss.backward()
    assert loss.isfinite()
    assert extreme.grad.isfinite().all()
    assert loss_module.pos_grad.isfinite().all()


def test_gradcheck(form):
    logits, labels = batch(form, size=6)
    loss_module = GALABBoxLoss(NUM_CLASSES, form).eval()
    loss_module.pos_grad += torch.arange(1.0, 6.0)
    loss_module.neg_grad += torch.arange(1.0, 6.0)
    assert torch.autograd.gradcheck(lambda z: total(loss_module(z, labels)), logits)
