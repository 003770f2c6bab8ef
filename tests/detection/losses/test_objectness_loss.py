"""`GALAObjectnessLoss` against float64 NumPy, and in MMDetection's dense heads."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmdet.models.losses import FocalLoss
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope
from numpy.testing import assert_allclose
from torch.testing import assert_close

from mmgala.detection import GALAObjectnessLoss
from mmgala.models import GALALoss
from tests.detection.batches import NUM_CLASSES, regions, weights
from tests.reference.gala_detection_numpy import DenseObjectness

LAMBDAS = [(1.0, 1.0), (1.2, 0.9), (0.0, 1.0), (1.0, 0.0)]


def batch(**kwargs):
    return regions(NUM_CLASSES + 1, **kwargs)


@pytest.mark.parametrize('lambdas', LAMBDAS)
@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('count_share', [0.0, 1.0])
def test_ten_steps_equal_the_reference(lambdas, weighted, count_share):
    options = dict(gamma=1.5, alpha=0.3, count_share=count_share)
    loss_module = GALAObjectnessLoss(
        NUM_CLASSES, *lambdas, reduction='none', class_loss_weight=0.7, **options
    ).double()
    reference = DenseObjectness(NUM_CLASSES, *lambdas, **options)
    scale = np.array([1.0] * (NUM_CLASSES + 1))
    scale[:NUM_CLASSES] = 0.7
    for seed in range(10):
        logits, labels = batch(seed=seed)
        weight = weights(seed=seed) if weighted else None
        actual = loss_module(logits, labels, weight)
        losses, gradients = reference.step(logits.detach(), labels.numpy(), weight)
        each = np.ones(24) if weight is None else weight.numpy()
        expected = each * (losses[:, 0] + 0.7 * losses[:, 1])
        assert_allclose(actual.detach().numpy(), expected, rtol=1e-5, atol=1e-6)
        actual.sum().backward()
        expected = each[:, None] * scale * gradients
        assert_allclose(logits.grad.numpy(), expected, rtol=1e-4, atol=1e-6)
        for name in ('theta', 'phi'):
            buffer = dict(theta=loss_module.pos_grad, phi=loss_module.neg_grad)[name]
            assert buffer.dtype == torch.float32
            found = getattr(reference, name)
            assert_allclose(buffer.numpy(), found, rtol=1e-5, atol=1e-6)
    assert loss_module.pos_grad.min() > 0
    if count_share:
        assert_allclose(loss_module.seen.numpy(), reference.seen, rtol=1e-5)


@pytest.mark.parametrize(
    ('reduction', 'avg_factor'), [('mean', None), ('mean', 7.0), ('sum', None)]
)
def test_reductions_are_of_the_unreduced_losses(reduction, avg_factor):
    logits, labels = batch()
    each = GALAObjectnessLoss(NUM_CLASSES, reduction='none')(logits, labels, weights())
    loss = GALAObjectnessLoss(NUM_CLASSES, reduction=reduction, loss_weight=2.5)(
        logits, labels, weights(), avg_factor=avg_factor
    )
    assert each.shape == (24,)
    divisor = 1 if reduction == 'sum' else avg_factor or 24
    assert_close(loss, 2.5 * each.sum() / divisor)


def test_without_margins_it_is_cross_entropy_and_focal_loss():
    logits, labels = batch()
    loss_module = GALAObjectnessLoss(NUM_CLASSES, 0.0, 0.0)
    for _ in range(2):  # with statistics, too
        actual = loss_module(logits, labels, weights(), avg_factor=11.0)
    foreground = labels < NUM_CLASSES
    focal = FocalLoss()(
        logits[:, -1:], (~foreground).long(), weights(), avg_factor=11.0
    )
    classes = F.cross_entropy(
        logits[foreground, :-1], labels[foreground], reduction='none'
    )
    expected = focal + 0.25 * (classes * weights()[foreground]).sum() / 11
    assert_close(actual, expected.to(actual.dtype))


def test_on_foreground_alone_the_statistics_are_those_of_classification():
    loss_module, plain = GALAObjectnessLoss(NUM_CLASSES), GALALoss(NUM_CLASSES)
    for seed in range(3):
        logits, labels = batch(seed=seed, background_share=0.0)
        classes = loss_module(logits, labels) - FocalLoss()(
            logits[:, -1:], torch.zeros_like(labels)
        )
        assert_close(classes, 0.25 * plain(logits[:, :-1], labels))
    assert_close(loss_module.pos_grad, plain.pos_grad)


def test_background_gives_class_logits_no_gradient():
    logits, labels = batch()
    GALAObjectnessLoss(NUM_CLASSES)(logits, labels).backward()
    background = labels == NUM_CLASSES
    assert not logits.grad[background, :-1].any()
    assert logits.grad[~background, :-1].any()
    assert (logits.grad[:, -1] != 0).all()


def test_background_and_ignored_anchors_leave_the_statistics_untouched():
    logits, labels = batch()
    loss_module = GALAObjectnessLoss(NUM_CLASSES)
    loss_module(logits, torch.full_like(labels, NUM_CLASSES))
    ignored = loss_module(logits, labels, torch.zeros(24))
    assert ignored == 0
    assert not loss_module.pos_grad.any()
    loss_module(logits, labels, weights())
    assert loss_module.pos_grad.any()


def test_only_a_training_forward_with_gradients_counts():
    loss_module = GALAObjectnessLoss(NUM_CLASSES)
    with torch.no_grad():
        loss_module(*batch())
    loss_module.eval()(*batch())
    assert not loss_module.pos_grad.any()


@pytest.mark.parametrize('size', [0, 4])
def test_no_anchor_and_no_foreground_have_a_gradient(size):
    loss_module = GALAObjectnessLoss(NUM_CLASSES)
    logits, labels = batch(size=size, background_share=1.1)
    for avg_factor in (None, 1.0):
        loss = loss_module(logits, labels, torch.ones(size), avg_factor=avg_factor)
        loss.backward()
        assert loss.isfinite()
        assert logits.grad.isfinite().all()
    assert not loss_module.pos_grad.any()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    logits, labels = batch()
    half = logits.detach().to(dtype).requires_grad_()
    single = half.detach().float().requires_grad_()
    cast, reference, mixed = (GALAObjectnessLoss(NUM_CLASSES) for _ in range(3))
    cast.half()
    for _ in range(2):
        expected = reference(single, labels)
        assert_close(cast(half, labels), expected)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            assert_close(mixed(half, labels), expected)
    for loss_module in (cast, mixed):
        assert_close(loss_module.pos_grad, reference.pos_grad)


def test_extreme_logits_stay_finite():
    logits, labels = batch()
    extreme = (100 * logits.detach().sign()).float().requires_grad_()
    loss_module = GALAObjectnessLoss(NUM_CLASSES)
    for _ in range(3):
        loss = loss_module(extreme, labels)
        loss.backward()
    assert loss.isfinite()
    assert extreme.grad.isfinite().all()


def test_gradcheck():
    logits, labels = batch(size=6)
    loss_module = GALAObjectnessLoss(NUM_CLASSES).eval()
    loss_module.pos_grad += torch.arange(1.0, 6.0)
    loss_module.neg_grad += torch.arange(6.0, 1.0, -1.0)
    assert torch.autograd.gradcheck(lambda z: loss_module(z, labels), logits)


def test_deferred_levels_share_the_margins_of_the_steps_before():
    loss_module, whole = (GALAObjectnessLoss(NUM_CLASSES) for _ in range(2))
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


def test_scores_are_a_class_given_an_object_times_an_object():
    logits = batch()[0].detach()
    scores = GALAObjectnessLoss(NUM_CLASSES).get_activation(logits)
    exp = np.exp(logits.numpy())
    classes = exp[:, :-1] / exp[:, :-1].sum(axis=1, keepdims=True)
    assert_allclose(scores.numpy(), classes * (exp / (1 + exp))[:, -1:])


def head_config(head='RetinaHead', **kwargs):
    loss = dict(type='mmgala.GALAObjectnessLoss', num_classes=NUM_CLASSES, **kwargs)
    return dict(type=head, num_classes=NUM_CLASSES, in_channels=8, loss_cls=loss)


@pytest.mark.parametrize(
    ('head', 'layer', 'anchors'),
    [
        ('RetinaHead', 'retina_cls', 9),
        ('ATSSHead', 'atss_cls', 9),
        ('FCOSHead', 'conv_cls', 1),
    ],
)
def test_dense_heads_get_one_more_output_and_predict_its_scores(head, layer, anchors):
    init_default_scope('mmdet')
    config = dict(head_config(head, use_sigmoid=False), feat_channels=32)
    test_cfg = dict(score_thr=0.0, nms_pre=1000, max_per_img=1000)
    model = MODELS.build(dict(config, test_cfg=test_cfg)).eval()
    assert getattr(model, layer).out_channels == anchors * (NUM_CLASSES + 1)
    torch.manual_seed(0)
    features = [torch.randn(1, 8, 2, 2) for _ in range(5)]
    with torch.no_grad():
        outputs = model(features)
        meta = dict(img_shape=(64, 64), scale_factor=(1.0, 1.0))
        results = model.predict_by_feat(
            *outputs, batch_img_metas=[meta], with_nms=False
        )[0]
    assert set(results.labels.tolist()) == set(range(NUM_CLASSES))
    logits = outputs[0][0][0].permute(1, 2, 0).reshape(-1, NUM_CLASSES + 1)
    expected = logits[:, :-1].softmax(1) * logits[:, -1:].sigmoid()
    for quality in outputs[2:]:  # of a box: the centerness, by which heads multiply
        expected = expected * quality[0][0].permute(1, 2, 0).reshape(-1, 1).sigmoid()
    found = results.scores[: expected.numel()]
    assert_close(found.sort()[0], expected.flatten().sort()[0])


def test_a_head_begins_with_the_objectness_prior_of_focal_loss():
    init_default_scope('mmdet')
    model = MODELS.build(head_config(use_sigmoid=False))
    model.init_weights()
    bias = model.retina_cls.bias.view(9, NUM_CLASSES + 1)
    assert_close(bias[:, -1].sigmoid(), torch.full((9,), 0.01))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_classes=1), '`num_classes` to be 2 or more'),
        (dict(use_sigmoid=True), 'use_sigmoid=False in the config'),
        (dict(eps=0.0), '`eps` to be positive'),
        (dict(gamma=-1.0), '`gamma` to be 0 or more, but got -1'),
        (dict(alpha=2.0), '`alpha`.* 2'),
        (dict(class_loss_weight=-1.0), '`class_loss_weight` to be 0 or more'),
        (dict(count_share=2.0), '`count_share`'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GALAObjectnessLoss(**{'num_classes': NUM_CLASSES, **arguments})


def test_heads_that_compute_scores_themselves_are_refused():
    loss_module = GALAObjectnessLoss(NUM_CLASSES)
    with pytest.raises(ValueError, match='num_classes=7 uses it: take mmgala.GALABBox'):
        loss_module.get_cls_channels(7)
    with pytest.raises(ValueError, match='PAAHead.* RetinaHead'):
        loss_module(*batch(), reduction_override='none')
    init_default_scope('mmdet')
    loss = head_config(use_sigmoid=False)['loss_cls']
    with pytest.raises(AttributeError, match='keep its focal loss'):
        MODELS.build(dict(type='DETRHead', num_classes=NUM_CLASSES, loss_cls=loss))
    with pytest.raises(ValueError, match='take mmgala.GALABBoxLoss'):
        MODELS.build(
            dict(type='Shared2FCBBoxHead', num_classes=NUM_CLASSES, loss_cls=loss)
        )


def test_logits_of_another_width_and_labels_out_of_range_are_refused():
    loss_module = GALAObjectnessLoss(NUM_CLASSES)
    logits, labels = batch()
    for broken in (logits[:, 1:], torch.cat((logits, logits), dim=1)):
        with pytest.raises(ValueError, match=r'needs logits \(N, 6\), but the head'):
            loss_module(broken, labels)
        with pytest.raises(ValueError, match='needs logits'):
            loss_module.get_activation(broken)
    for label in (-1, NUM_CLASSES + 1):
        with pytest.raises(ValueError, match=f'between 0 and 5 .* but got {label}'):
            loss_module(logits, torch.full_like(labels, label))
    with pytest.raises(ValueError, match="`reduction` to be one of .* got 'avg'"):
        loss_module(logits, labels, reduction_override='avg')
