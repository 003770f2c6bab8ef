"""What the tools change in a config of MMDetection's scope."""

import pytest
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.registry import init_default_scope

from mmgala.apis.config_options import (
    is_detection,
    reduce_statistics,
    use_detection_tta,
)
from mmgala.engine import ReduceStatisticsHook


class UsersReduction(ReduceStatisticsHook):
    """A subclass stands for its parent."""


ADDED = dict(type='mmgala.ReduceStatisticsHook')
NMS = dict(type='soft_nms', iou_threshold=0.4)


@pytest.mark.parametrize(
    ('hooks', 'added'),
    [
        (None, True),
        ([], True),
        ([dict(type='NumClassCheckHook')], True),
        ([dict(type=EMAHook)], True),  # MMEngine's configs in pure Python
        ([EMAHook()], True),
        ([ADDED], False),
        ([dict(type='ReduceStatisticsHook')], False),
        ([dict(type=ReduceStatisticsHook)], False),
        ([ReduceStatisticsHook()], False),
        ([dict(type=UsersReduction)], False),
    ],
)
def test_the_reduction_is_added_where_it_is_not_there(hooks, added):
    init_default_scope('mmgala')  # in which a name needs no scope
    cfg = Config(dict(custom_hooks=hooks) if hooks is not None else {})
    reduce_statistics(cfg)
    before = hooks or []
    assert len(cfg.custom_hooks) == len(before) + added
    assert (cfg.custom_hooks[-1] == ADDED) or not added


def config(model):
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackDetInputs')]
    loader = dict(dataset=dict(type='CocoDataset', pipeline=pipeline))
    return Config(dict(default_scope='mmdet', model=model, test_dataloader=loader))


@pytest.mark.parametrize(
    'test_cfg',
    [dict(rcnn=dict(nms=NMS, max_per_img=300)), dict(nms=NMS, max_per_img=300)],
    ids=['two stages', 'one stage'],
)
def test_augmentation_keeps_the_limits_of_the_model(test_cfg):
    cfg = config(dict(type='Any', test_cfg=test_cfg))
    assert is_detection(cfg)
    use_detection_tta(cfg)
    assert cfg.model.tta_cfg == dict(nms=NMS, max_per_img=300)
    assert cfg.model.module.test_cfg == test_cfg
    load, augment = cfg.test_dataloader.dataset.pipeline
    assert load.type == 'LoadImageFromFile'
    assert [flip.prob for flip in augment.transforms[0]] == [1.0, 0.0]


def test_augmentation_is_refused_for_masks():
    cfg = config(dict(type='Any', roi_head=dict(mask_head={}), test_cfg={}))
    with pytest.raises(ValueError, match='cannot merge masks'):
        use_detection_tta(cfg)
