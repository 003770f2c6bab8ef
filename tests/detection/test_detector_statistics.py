"""Statistics of trained detectors equal NumPy's, from the logits of ten steps."""

import numpy as np
import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.hub import get_config
from numpy.testing import assert_allclose

from mmgala.detection import GALAObjectnessLoss
from mmgala.engine import ReduceStatisticsHook
from tests.detection.gradient_training import (
    Log,
    cascade,
    retina,
    shrink,
    train,
    write_coco,
)
from tests.reference.gala_detection_numpy import (
    DenseObjectness,
    Exclude,
    Objectness,
)

pytestmark = pytest.mark.slow

NUM_CLASSES = 4
REFERENCES = {'exclude': Exclude, 'objectness': Objectness}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('coco')
    write_coco(path)
    return path


def gala(background, **kwargs):
    return dict(type='mmgala.GALABBoxLoss', background=background, **kwargs)


def two_stage(name, class_agnostic=False):
    """A two-stage detector of MMDetection, shrunk."""
    model = get_config(f'mmdet::{name}').model
    shrink(model)
    model.roi_head.bbox_roi_extractor.out_channels = 16
    model.roi_head.bbox_head.update(
        in_channels=16,
        fc_out_channels=16,
        num_classes=NUM_CLASSES,
        reg_class_agnostic=class_agnostic,
    )
    if 'conv_out_channels' in model.roi_head.bbox_head:
        model.roi_head.bbox_head.update(num_convs=1, conv_out_channels=16)
    model.train_cfg.rpn_proposal.update(nms_pre=50, max_per_img=32)
    model.train_cfg.rcnn.sampler.num = 16
    model.roi_head.bbox_head.loss_cls = gala('exclude', num_classes=NUM_CLASSES)
    return model


def with_objectness(model):
    """A one-stage detector with GALA's loss."""
    model.bbox_head.loss_cls.update(
        type='mmgala.GALAObjectnessLoss', num_classes=NUM_CLASSES, use_sigmoid=False
    )
    return model


def atss():
    model = get_config('mmdet::atss/atss_r50_fpn_1x_coco.py').model
    shrink(model)
    # Its group normalisation has 32 groups.
    model.bbox_head.update(num_classes=NUM_CLASSES, feat_channels=32, stacked_convs=1)
    return model


def trained(folder, name, model, epochs=5, hook=True, **options):
    """Each of GALA's losses after two steps an epoch, and its logged calls."""
    stages = model.get('roi_head', {}).get('num_stages', 0)
    prefix = 'roi_head.bbox_head' if 'roi_head' in model else 'bbox_head'
    names = [f'{prefix}.{i}.loss_cls' for i in range(stages)] or [f'{prefix}.loss_cls']
    log = Log(names)
    hooks = [log, ReduceStatisticsHook()] if hook else [log]
    runner = train(folder, name, model, hooks, epochs, **options)
    losses = {name: runner.model.get_submodule(name) for name in names}
    return losses, log.calls


def replay(reference, calls, calls_a_step):
    """Let a reference see the calls; within a step all of them see the same margins."""
    assert len(calls) % calls_a_step == 0
    for start in range(0, len(calls), calls_a_step):
        sums = []
        for logits, labels, weight, _ in calls[start : start + calls_a_step]:
            arrays = (t.double().numpy() for t in (logits, labels, weight))
            logits, labels, weight = arrays
            sums.append(reference.evaluate(logits, labels.astype(int), weight)[2:])
        for theta, phi in sums:
            reference.theta += theta
            reference.phi += phi


def assert_equal(loss, reference):
    assert_allclose(loss.pos_grad.numpy(), reference.theta, rtol=1e-4, atol=1e-5)
    assert_allclose(loss.neg_grad.numpy(), reference.phi, rtol=1e-4, atol=1e-5)
    assert (loss.pos_grad[:3] > 0).all()  # nobody annotated a dog
    assert loss.pos_grad[3] == 0


@pytest.mark.parametrize('background', REFERENCES)
def test_each_stage_of_a_cascade_has_its_own(folder, background):
    losses, calls = trained(folder, background, cascade(**gala(background)))
    totals = []
    for name, loss in losses.items():
        assert len(calls[name]) == 10
        reference = REFERENCES[background](NUM_CLASSES)
        replay(reference, calls[name], 1)
        assert_equal(loss, reference)
        totals.append(reference.theta.sum())
    assert len(set(np.round(totals, 3))) == 3


@pytest.mark.parametrize(
    ('name', 'class_agnostic'),
    [
        ('faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', False),
        ('faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', True),
        ('double_heads/dh-faster-rcnn_r50_fpn_1x_coco.py', False),
    ],
)
def test_two_stage_heads(folder, name, class_agnostic):
    model = two_stage(name, class_agnostic)
    losses, calls = trained(folder, name.partition('/')[0], model)
    for name, loss in losses.items():
        reference = Exclude(NUM_CLASSES)
        replay(reference, calls[name], 1)
        assert_equal(loss, reference)


@pytest.mark.parametrize('build', [retina, atss], ids=['retina', 'atss'])
def test_one_stage_heads_with_objectness(folder, build):
    losses, calls = trained(folder, 'one_stage_objectness', with_objectness(build()))
    ((name, loss),) = losses.items()
    assert isinstance(loss, GALAObjectnessLoss)
    assert len(calls[name]) == 50  # ten steps of five levels
    reference = DenseObjectness(NUM_CLASSES)
    replay(reference, calls[name], 5)
    assert_equal(loss, reference)


def test_without_the_hook_each_call_follows_the_one_before(folder):
    losses, calls = trained(folder, 'no_hook', with_objectness(retina()), 1, hook=False)
    ((name, loss),) = losses.items()
    reference = DenseObjectness(NUM_CLASSES)
    replay(reference, calls[name], 1)
    assert_equal(loss, reference)


@pytest.mark.parametrize('background', REFERENCES)
def test_a_resumed_training_goes_on_with_them(folder, background):
    name = f'resumed_{background}'
    before, _ = trained(folder, name, cascade(**gala(background)), 1)
    after, calls = trained(folder, name, cascade(**gala(background)), 2, resume=True)
    for key, loss in after.items():
        assert len(calls[key]) == 2  # of the second epoch
        reference = REFERENCES[background](NUM_CLASSES)
        reference.theta += before[key].pos_grad.numpy()
        reference.phi += before[key].neg_grad.numpy()
        replay(reference, calls[key], 1)
        assert_equal(loss, reference)


def test_a_moving_average_keeps_them_too(folder):
    hooks = [EMAHook(momentum=0.5), ReduceStatisticsHook()]
    model = cascade(**gala('exclude'))
    runner = train(folder, 'average', model, hooks, 2)
    averaged = hooks[0].ema_model.module
    for mine, theirs in zip(
        runner.model.roi_head.bbox_head, averaged.roi_head.bbox_head, strict=True
    ):
        assert mine.loss_cls.pos_grad.any()
        assert torch.equal(mine.loss_cls.pos_grad, theirs.loss_cls.pos_grad)
        assert not torch.equal(mine.fc_cls.weight, theirs.fc_cls.weight)
