"""`GALABBoxLoss`: both forms of background against float64 NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from torch.testing import assert_close

from mmgala.detection import GALABBoxLoss
from mmgala.models import GALALoss
from tests.detection.batches import NUM_CLASSES, regions, weights
from tests.reference.gala_detection_numpy import Exclude, Objectness

FORMS = {'exclude': (Exclude, 1), 'objectness': (Objectness, 2)}
LAMBDAS = [(1.0, 1.0), (1.2, 0.9), (0.0, 1.0), (1.0, 0.0)]
STATE = {'pos_grad', 'neg_grad', 'pos_grad_low', 'neg_grad_low'}
KEYS = ['loss_cls_objectness', 'loss_cls_classes']


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


def batch(form, **kwargs):
    return regions(NUM_CLASSES + FORMS[form][1], **kwargs)


def as_columns(loss):
    """One column a loss, as the reference has it."""
    if isinstance(loss, dict):
        assert list(loss) == KEYS
        return torch.stack([loss[key] for key in KEYS], dim=1)
    return loss


def total(loss):
    return sum(loss.values()) if isinstance(loss, dict) else loss


def assert_statistics_are(loss_module, reference):
    for buffer, expected in (
        (loss_module.pos_grad, reference.theta),
        (loss_module.neg_grad, reference.phi),
    ):
        assert buffer.dtype == torch.float32
        assert_allclose(buffer.numpy(), expected, rtol=1e-5, atol=1e-6)


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


@pytest.mark.parametrize('count_share', [0.4, 1.0])
def test_a_share_of_the_level_can_be_that_of_the_counts(count_share):
    loss_module = GALABBoxLoss(
        NUM_CLASSES, count_share=count_share, reduction='none'
    ).double()
    reference = Objectness(NUM_CLASSES, count_share=count_share)
    for seed in range(5):
        logits, labels = batch('objectness', seed=seed)
        weight = weights(seed=seed)
        actual = loss_module(logits, labels, weight)
        losses, _ = reference.step(logits.detach(), labels.numpy(), weight)
        expected = weight.numpy()[:, None] * losses
        found = as_columns(actual).detach().numpy()
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert_allclose(loss_module.seen.numpy(), reference.seen, rtol=1e-6)
    assert loss_module.seen.min() > 0


@pytest.mark.parametrize('options', [{}, dict(lead_memory=2.0)], ids=['whole', 'lead'])
def test_label_margins_equal_the_reference(options):
    options |= dict(count_share=1.0, label_margin=4.0)
    args = (NUM_CLASSES, 'objectness', 1.5, 1.5)
    loss_module = GALABBoxLoss(*args, reduction='none', **options).double()
    reference = Objectness(NUM_CLASSES, 1.5, 1.5, **options)
    leads = []
    for seed in range(8):
        logits, labels = batch('objectness', seed=seed)
        foreground = labels < NUM_CLASSES
        logits = logits.detach()  # from batch to batch, labels lead by more
        logits[foreground, labels[foreground]] += 2 * seed
        logits.requires_grad_()
        weight = weights(seed=seed)
        leads.append(reference.lead())
        actual = loss_module(logits, labels, weight)
        losses, gradients = reference.step(logits.detach(), labels.numpy(), weight)
        if 'lead_memory' in options:
            assert_allclose(float(actual.pop('lead')), reference.lead(), rtol=1e-5)
        scale = weight.numpy()[:, None]
        found = as_columns(actual).detach().numpy()
        assert_allclose(found, scale * losses, rtol=1e-5, atol=1e-6)
        total(actual).sum().backward()
        assert_allclose(logits.grad.numpy(), scale * gradients, rtol=1e-4, atol=1e-6)
        assert_statistics_are(loss_module, reference)
    assert leads[0] == (0 if 'lead_memory' in options else 1)
    assert leads[-1] > 0.5


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


def test_a_batch_never_sees_its_own_contribution(form):
    first, second = (
        total(GALABBoxLoss(NUM_CLASSES, form)(*batch(form))),
        total(GALABBoxLoss(NUM_CLASSES, form, 0.0, 0.0)(*batch(form))),
    )
    assert_close(first, second)  # statistics of 0 are equal statistics


def test_background_and_ignored_regions_leave_the_statistics_untouched(form):
    logits, labels = batch(form)
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module(logits, torch.full_like(labels, NUM_CLASSES))
    assert not loss_module.pos_grad.any()
    loss_module(logits, labels, torch.zeros(24))
    assert not loss_module.pos_grad.any()
    loss_module(logits, labels, weights())
    assert loss_module.pos_grad.any()


def test_only_a_training_forward_with_gradients_counts(form):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module(*batch(form), reduction_override='none')  # by which PISA ranks
    with torch.no_grad():
        loss_module(*batch(form))
    loss_module.eval()(*batch(form))
    assert not loss_module.pos_grad.any()


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


def test_regions_with_nan_logits_add_nothing(form):
    logits, labels = batch(form)
    broken = logits.detach().clone()
    broken[::2] = float('nan')
    loss_module, reference = (GALABBoxLoss(NUM_CLASSES, form) for _ in range(2))
    loss_module(broken.requires_grad_(), labels)
    reference(logits[1::2], labels[1::2])
    assert_close(loss_module.pos_grad, reference.pos_grad)


def test_gradcheck(form):
    logits, labels = batch(form, size=6)
    loss_module = GALABBoxLoss(NUM_CLASSES, form).eval()
    loss_module.pos_grad += torch.arange(1.0, 6.0)
    loss_module.neg_grad += torch.arange(1.0, 6.0)
    assert torch.autograd.gradcheck(lambda z: total(loss_module(z, labels)), logits)


def test_statistics_survive_a_checkpoint(form, tmp_path):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module(*batch(form))
    torch.save(loss_module.state_dict(), tmp_path / 'loss.pth')
    resumed = GALABBoxLoss(NUM_CLASSES, form)
    resumed.load_state_dict(torch.load(tmp_path / 'loss.pth', weights_only=True))
    other = batch(form, seed=1)
    assert_close(total(resumed(*other)), total(loss_module(*other)))
    assert set(loss_module.state_dict()) == STATE


def test_deferred_calls_of_a_step_share_the_margins_of_the_steps_before(form):
    loss_module, whole = (GALABBoxLoss(NUM_CLASSES, form) for _ in range(2))
    loss_module.defer_reduction()
    for seed in range(3):
        logits, labels = batch(form, seed=seed)
        parts = [
            total(loss_module(logits[rows], labels[rows], avg_factor=24))
            for rows in (slice(0, 9), slice(9, 24))
        ]
        assert_close(sum(parts), total(whole(logits, labels)))
        loss_module.take_pending()
        assert_close(loss_module.pos_grad, whole.pos_grad)
    assert set(loss_module.state_dict()) == STATE


def test_it_stays_frozen_within_a_frozen_context(form):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    with loss_module.frozen():
        loss_module(*batch(form))
    assert not loss_module.pos_grad.any()
    loss_module(*batch(form))
    assert loss_module.pos_grad.any()


def test_pending_sums_of_an_unfinished_step_are_discarded(form):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module.defer_reduction()
    loss_module(*batch(form))
    loss_module.defer_reduction()
    loss_module.take_pending()
    assert not loss_module.pos_grad.any()
    loss_module.defer_reduction(False)
    loss_module(*batch(form))
    assert loss_module.pos_grad.any()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_classes=1), '`num_classes` to be 2 or more'),
        (dict(background='ignore'), "one of \\('objectness', 'exclude'\\)"),
        (dict(background='exclude', count_share=0.5), "needs background='objectness'"),
        (dict(background='exclude', label_margin=3.0), 'remove `label_margin`'),
        (dict(lead_memory=9.0), 'no effect with lambdas of 1'),
        (dict(use_sigmoid=True), 'use_sigmoid=False instead of True'),
        (dict(eps=0.0), '`eps` to be positive'),
        (dict(reduction='max'), '`reduction` to be one of'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GALABBoxLoss(**{'num_classes': NUM_CLASSES, **arguments})


def test_a_head_of_other_classes_is_refused():
    with pytest.raises(
        ValueError, match=r'num_classes=1204.*num_classes=1203.*set both'
    ):
        GALABBoxLoss(1203).get_cls_channels(1204)


def test_a_head_other_than_a_bbox_head_is_refused_when_it_predicts(form):
    with pytest.raises(ValueError, match='Take mmgala.GALAObjectnessLoss there'):
        GALABBoxLoss(NUM_CLASSES, form).get_activation(batch(form)[0])


def test_logits_of_another_width_and_labels_out_of_range_are_refused(form):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module.get_cls_channels(NUM_CLASSES)
    logits, labels = batch(form)
    for broken in (logits[:, 1:], torch.cat((logits, logits), dim=1)):
        with pytest.raises(ValueError, match=r'needs logits \(N, [67]\), but the head'):
            loss_module(broken, labels)
        with pytest.raises(ValueError, match='needs logits'):
            loss_module.get_activation(broken)
    for label in (-1, NUM_CLASSES + 1):
        with pytest.raises(ValueError, match=f'between 0 and 5 .* but got {label}'):
            loss_module(logits, torch.full_like(labels, label))
    with pytest.raises(ValueError, match='integer labels of shape'):
        loss_module(logits, labels[1:])
    with pytest.raises(ValueError, match="`reduction` to be one of .* got 'avg'"):
        loss_module(logits, labels, reduction_override='avg')
