"""Configs with classes shared out are refused, or changed, where it would not work."""

import pytest
import torch
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import init_default_scope

from mmgala.apis.class_shares import (
    check_parallel,
    give_all_scores,
    keep_classes_together,
)
from mmgala.apis.models import load_model
from mmgala.cli.programs.fit import save
from mmgala.models import ClassShardsDataParallel
from mmgala.post_hoc import TemperatureScaler
from mmgala.registry import MODELS
from mmgala.utils.checkpoint import read_checkpoint

SHARED = dict(type='mmgala.GALAHead', shard_classes=True)
BY_NAME = dict(type='mmgala.ShardedClsHead')


def config(head=SHARED, wrapper=None, launcher='pytorch'):
    init_default_scope('mmpretrain')
    head = dict(num_classes=4, in_channels=3, **head)
    backbone = dict(type='mmgala.PlainConvNet', channels=(3,), strides=(1,))
    model = dict(type='ImageClassifier', backbone=backbone, head=head)
    wrappers = {} if wrapper is None else dict(model_wrapper_cfg=dict(type=wrapper))
    scope = dict(default_scope='mmpretrain', launcher=launcher)
    return Config(dict(model=model, **wrappers, **scope))


@pytest.mark.parametrize('head', [SHARED, BY_NAME], ids=['flag', 'name'])
@pytest.mark.parametrize(
    ('wrapper', 'name'),
    [
        (None, 'MMDistributedDataParallel'),
        ('MMDistributedDataParallel', 'MMDistributedDataParallel'),
        ('mmengine.MMDistributedDataParallel', 'MMDistributedDataParallel'),
        (MMDistributedDataParallel, 'MMDistributedDataParallel'),
        ('MMSeparateDistributedDataParallel', 'MMSeparateDistributedDataParallel'),
        ('DistributedDataParallel', 'DistributedDataParallel'),
        ('MMFullyShardedDataParallel', 'MMFullyShardedDataParallel'),
    ],
)
def test_wrappers_that_mix_classes_are_refused(head, wrapper, name):
    message = f"wrapper {name} .*model_wrapper_cfg.*'mmgala.ClassShardsDataParallel'"
    with pytest.raises(ValueError, match=message):
        check_parallel(config(head, wrapper))


@pytest.mark.parametrize(
    'wrapper',
    [
        'mmgala.ClassShardsDataParallel',
        ClassShardsDataParallel,
        type('Own', (ClassShardsDataParallel,), {}),
        'NotRegistered',  # MMEngine says so
    ],
    ids=str,
)
def test_other_wrappers_are_accepted(wrapper):
    check_parallel(config(wrapper=wrapper))


def test_one_process_or_an_ordinary_head_needs_no_wrapper():
    check_parallel(config(launcher='none'))
    check_parallel(config(dict(type='mmgala.GALAHead')))
    check_parallel(Config(dict(model=dict(type='X'), launcher='pytorch')))


@pytest.mark.parametrize('head', [SHARED, BY_NAME], ids=['flag', 'name'])
def test_one_process_has_all_classes(head):
    model = config(head | dict(negative_rate=0.5)).model
    keep_classes_together(model)
    assert model.head == dict(type='mmgala.GALAHead', num_classes=4, in_channels=3)


@pytest.mark.parametrize('head', [SHARED, BY_NAME], ids=['flag', 'name'])
def test_a_fitted_model_has_all_classes(tmp_path, head):
    cfg, out = config(head), tmp_path / 'out.pth'
    checkpoint = dict(state_dict=MODELS.build(cfg.model).state_dict())

    save(cfg, checkpoint, TemperatureScaler(2.0), out)

    written = Config.fromfile(out.with_suffix('.py'))
    MODELS.build(written.model)  # as `mmgala test` does
    fitted = load_model(written, read_checkpoint(out), out).head.post_hoc
    assert float(fitted.temperature) == 2


@pytest.mark.parametrize(
    ('state', 'launcher', 'advice'),
    [
        ({}, 'pytorch', 'test it in one process, without --launcher'),
        ({'head.classes_shared_out': 4}, 'none', 'mmgala merge a.pth OUT.pth'),
    ],
)
def test_scores_that_no_rank_has_are_refused(state, launcher, advice):
    checkpoint = dict(state_dict={k: torch.tensor(v) for k, v in state.items()})
    with pytest.raises(ValueError, match=rf'^--rebalance needs .*{advice}'):
        give_all_scores(config().model, '--rebalance', checkpoint, 'a.pth', launcher)


def test_one_process_has_all_scores():
    model = config().model
    give_all_scores(model, '--rebalance', dict(state_dict={}), 'a.pth', 'none')
    assert 'shard_classes' not in model.head
