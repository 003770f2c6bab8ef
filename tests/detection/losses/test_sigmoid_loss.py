"""`GALASigmoidLoss` against float64 NumPy and MMDetection's focal loss."""

import pytest
import torch
from mmdet.models.losses import FocalLoss
from numpy.testing import assert_allclose
from torch.testing import assert_close

from mmgala.detection import GALASigmoidLoss
from tests.detection.batches import NUM_CLASSES, regions, weights
from tests.reference.gala_detection_numpy import Sigmoid

PLAIN = dict(gamma=0.0, alpha=None)
FOCAL = dict(gamma=2.0, alpha=0.25)


@pytest.fixture(params=['exclude', 'theta'])
def background(request):
    return request.param


@pytest.fixture(params=[PLAIN, FOCAL], ids=['plain', 'focal'])
def modulation(request):
    return request.param


def batch(**kwargs):
    return regions(NUM_CLASSES, **kwargs)


def weights_of(kind, seed):
    """Of each sample or each logit, shaped as heads do."""
    if kind == 'samples':
        return weights(seed=seed)
    each = weights(24 * NUM_CLASSES, seed=seed)
    return each if kind == 'flat' else each.view(24, NUM_CLASSES)


@pytest.mark.parametrize('lambdas', [(1.0, 1.0), (1.2, 0.9), (0.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize('kind', ['samples', 'logits', 'flat'])
def test_ten_steps_equal_the_reference(background, modulation, lambdas, kind):
    loss_module = GALASigmoidLoss(
        NUM_CLASSES, background, *lambdas, reduction='none', **modulation
    )
    reference = Sigmoid(
        NUM_CLASSES,
        background,
        lambda_pos=lambdas[0],
        lambda_neg=lambdas[1],
        **modulation,
    )
    for seed in range(10):
        logits, labels = batch(seed=seed)
        weight = weights_of(kind, seed)
        actual = loss_module(logits, labels, weight)
        shaped = weight if kind == 'samples' else weight.view(24, NUM_CLASSES)
        losses, _ = reference.step(logits.detach(), labels.numpy(), shaped)
        scale = shaped.numpy().reshape(24, -1)
        assert_allclose(actual.detach().numpy(), scale * losses, rtol=1e-4, atol=1e-6)
        for buffer, expected in (
            (loss_module.pos_grad, reference.theta),
            (loss_module.neg_grad, reference.phi),
        ):
            assert_allclose(buffer.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert (loss_module.pos_grad - loss_module.neg_grad).abs().min() > 1e-3


def test_without_margins_it_is_focal_loss(background):
    logits, labels = batch()
    arguments = dict(weight=weights(), avg_factor=11.0)
    loss_module = GALASigmoidLoss(NUM_CLASSES, background, 0.0, 0.0, loss_weight=1.5)
    for _ in range(2):  # with statistics, too
        actual = loss_module(logits, labels, **arguments)
    expected = FocalLoss(loss_weight=1.5)(logits, labels, **arguments)
    assert_close(actual, expected)
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (actual, expected)]
    assert_close(*gradients)


def test_margins_of_background_vanish_where_all_classes_are_alike():
    logits, labels = batch(background_share=1.1)
    loss_module = GALASigmoidLoss(NUM_CLASSES, 'theta')
    loss_module.pos_grad += 12.0
    assert_close(loss_module(logits, labels), FocalLoss()(logits, labels))


def test_the_first_sample_of_a_class_has_the_gradient_of_focal_loss():
    loss_module = GALASigmoidLoss(1203)
    loss_module.pos_grad[:900] += 1e3
    loss_module.neg_grad[:900] += 1e3
    logits = torch.full((1, 1203), -4.6, requires_grad=True)  # RetinaNet begins so
    label = torch.tensor([1202])
    losses = loss_module(logits, label), FocalLoss()(logits, label)
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in losses]
    assert_close(*losses)
    assert_close(*gradients)
    assert_close(loss_module.neg_grad[1202], 1202 * torch.tensor(-4.6).sigmoid())


def test_background_and_ignored_samples_leave_the_statistics_untouched(background):
    logits, labels = batch()
    loss_module = GALASigmoidLoss(NUM_CLASSES, background)
    loss_module(logits, torch.full_like(labels, NUM_CLASSES))
    loss_module(logits, labels, torch.zeros(24))
    assert not loss_module.pos_grad.any()
    assert not loss_module.neg_grad.any()


def test_only_a_training_forward_with_gradients_counts():
    loss_module = GALASigmoidLoss(NUM_CLASSES)
    loss_module(*batch(), reduction_override='none')  # by which PAA's head ranks
    with torch.no_grad():
        loss_module(*batch())
    loss_module.eval()(*batch())
    assert not loss_module.pos_grad.any()


def test_one_hot_targets_are_class_indices(background, modulation):
    logits, labels = batch()
    one_hot = torch.eye(NUM_CLASSES + 1)[labels][:, :-1]
    by_index, by_row = (
        GALASigmoidLoss(NUM_CLASSES, background, **modulation) for _ in range(2)
    )
    for _ in range(2):
        expected = by_index(logits, labels)
        assert_close(by_row(logits, one_hot), expected)
        assert_close(by_row.pos_grad, by_index.pos_grad)
        assert_close(by_row.neg_grad, by_index.neg_grad)


@pytest.mark.parametrize('size', [0, 4])
def test_no_sample_and_no_foreground_have_a_gradient(background, modulation, size):
    loss_module = GALASigmoidLoss(NUM_CLASSES, background, **modulation)
    logits, labels = batch(size=size, background_share=1.1)
    for avg_factor in (None, 1.0):
        loss = loss_module(logits, labels, torch.ones(size), avg_factor=avg_factor)
        loss.backward()
        assert loss.isfinite()
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(background, modulation, dtype):
    logits, labels = batch()
    half = logits.detach().to(dtype).requires_grad_()
    single = half.detach().float().requires_grad_()
    cast, reference, mixed = (
        GALASigmoidLoss(NUM_CLASSES, background, **modulation) for _ in range(3)
    )
    cast.half()
    for _ in range(2):
        expected = reference(single, labels)
        assert_close(cast(half, labels), expected)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            assert_close(mixed(half, labels), expected)
    for loss_module in (cast, mixed):
        assert_close(loss_module.pos_grad, reference.pos_grad)
        assert_close(loss_module.neg_grad, reference.neg_grad)


def test_extreme_logits_stay_finite(background, modulation):
    logits, labels = batch()
    extreme = (100 * logits.detach().sign()).float().requires_grad_()
    loss_module = GALASigmoidLoss(NUM_CLASSES, background, **modulation)
    for _ in range(3):
        loss = loss_module(extreme, labels)
        loss.backward()
    assert loss.isfinite()
    assert extreme.grad.isfinite().all()


def test_gradcheck(background, modulation):
    logits, labels = batch(size=6)
    loss_module = GALASigmoidLoss(NUM_CLASSES, background, **modulation).eval()
    loss_module.pos_grad += torch.arange(1.0, 6.0)
    loss_module.neg_grad += torch.arange(6.0, 1.0, -1.0)
    assert torch.autograd.gradcheck(lambda z: loss_module(z, labels), logits)


def test_deferred_levels_share_the_margins_of_the_steps_before(background):
    loss_module, whole = (GALASigmoidLoss(NUM_CLASSES, background) for _ in range(2))
    loss_module.defer_reduction()
    for seed in range(3):
        logits, labels = batch(seed=seed)
        levels = [
            loss_module(logits[rows], labels[rows], avg_factor=24)
            for rows in (slice(0, 9), slice(9, 20), slice(20, 24))
        ]
        assert_close(sum(levels), whole(logits, labels, avg_factor=24))
        loss_module.take_pending()
        assert_close(loss_module.pos_grad, whole.pos_grad)
        assert_close(loss_module.neg_grad, whole.neg_grad)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_classes=1), '`num_classes` to be 2 or more'),
        (dict(background='objectness'), "one of \\('exclude', 'theta'\\)"),
        (dict(use_sigmoid=False), 'mmgala.GALABBoxLoss'),
        (dict(eps=0.0), '`eps` to be positive'),
        (dict(gamma=-1.0), '`gamma` to be 0 or more, but got -1'),
        (dict(alpha=2.0), '`alpha` between 0 and 1'),
        (dict(alpha=None), 'gamma=0 and alpha=None for plain'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GALASigmoidLoss(**{'num_classes': NUM_CLASSES, **arguments})


def test_logits_of_another_width_are_refused():
    loss_module = GALASigmoidLoss(NUM_CLASSES)
    with pytest.raises(ValueError, match='num_classes=5, but the logits are .24, 6.'):
        loss_module(*regions(NUM_CLASSES + 1))
    logits, labels = batch()
    with pytest.raises(ValueError, match='whose targets are qualities'):
        loss_module(logits, (labels, torch.ones(24)))
    with pytest.raises(ValueError, match="`reduction` to be one of .* got 'avg'"):
        loss_module(logits, labels, reduction_override='avg')


def test_targets_of_several_classes_and_out_of_range_are_refused():
    loss_module = GALASigmoidLoss(NUM_CLASSES)
    logits, labels = batch()
    for value in (1.0, 0.1):
        with pytest.raises(ValueError, match='samples of one class'):
            loss_module(logits, torch.full((24, NUM_CLASSES), value))
    for label in (-1, NUM_CLASSES + 1):
        with pytest.raises(ValueError, match=f'between 0 and 5 .* but got {label}'):
            loss_module(logits, torch.full_like(labels, label))
