"""A method changes only head, loss and hooks of a config."""

import copy

import pytest
import torch
from mmengine.hooks import EarlyStoppingHook
from mmengine.registry import HOOKS, MODELS, init_default_scope
from mmpretrain.models.heads import LinearClsHead, MultiLabelLinearClsHead
from mmpretrain.models.losses import CrossEntropyLoss

from mmgala.comparison import CATALOGUE, find_methods, plan_runs
from mmgala.comparison.config import run_config, training_length
from mmgala.comparison.methods import parse_settings, user_methods
from mmgala.comparison.runs import flatten
from mmgala.engine import ClassCountsHook
from mmgala.models import GALAHead, GALALoss
from tests.comparison.small import small_config

COUNTS = [103, 67, 43, 28, 18, 11, 7, 5, 3, 2]
TRAINED = [name for name, method in CATALOGUE.items() if method.start is None]


def config_of(text, tmp_path, cfg=None, selection='last', own=None):
    (method,) = find_methods([text], own)
    return run_config(cfg or small_config(), method, 3, tmp_path / 'run', selection)


@pytest.mark.parametrize('name', TRAINED)
def test_method_differs_from_ce_in_head_loss_and_hooks_alone(name, tmp_path):
    ours, ce = (
        flatten(config_of(n, tmp_path).to_dict()) for n in (name, 'ce')
    )  # fmt: skip
    changed = {k for k in {**ours, **ce} if ours.get(k) != ce.get(k)}
    decay = {k for k in changed if k.startswith('optim_wrapper.')}
    assert all(k.startswith(('model.head.', 'custom_hooks')) for k in changed - decay)
    bias = 'optim_wrapper.paramwise_cfg.custom_keys.head.fc.bias.decay_mult'
    assert decay == ({bias} if name == 'cb-focal' else set())
    assert name == 'ce' or changed


@pytest.mark.parametrize('name', TRAINED)
def test_method_can_be_built_and_has_a_loss(name, tmp_path):
    cfg = config_of(name, tmp_path)
    init_default_scope('mmpretrain')
    for hook in cfg.custom_hooks:
        HOOKS.build(copy.deepcopy(hook))
    loss = MODELS.build(copy.deepcopy(cfg.model)).head.loss_module
    takes_counts = hasattr(loss, 'set_class_counts')
    assert takes_counts == CATALOGUE[name].needs_counts
    if takes_counts:
        loss.set_class_counts(COUNTS)
    logits = torch.randn(20, 10, requires_grad=True)
    loss(logits, torch.arange(20) % 10).backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad.abs().sum() > 0


def test_a_run_is_the_users_config_with_its_seed(tmp_path):
    user = small_config()
    found = flatten(config_of('ce', tmp_path, user).to_dict())
    given = flatten(user.to_dict())
    changed = {k for k in {**found, **given} if found.get(k) != given.get(k)}
    prefixes = {'work_dir', 'randomness', 'resume', 'launcher', 'visualizer', 'vis_',
                'default_hooks.checkpoint', 'train_cfg.val_begin'}  # fmt: skip
    assert all(k.startswith(tuple(prefixes)) for k in changed), changed
    assert found['randomness.seed'] == '3'
    assert found['val_evaluator.many'] == '40'


def test_linear_heads_are_exchanged_and_keep_common_arguments(tmp_path):
    user = small_config()
    user.model.head.topk = (1, 5)
    user.model.head.type = 'mmgala.GALAHead'
    head = config_of('ldam:scale=20', tmp_path, user).model.head
    assert head.type == 'mmgala.CosineClsHead'
    assert (head.num_classes, head.in_channels, head.topk) == (10, 32, (1, 5))
    assert head.scale == head.loss.scale == 20
    assert config_of('ce', tmp_path, user).model.head.type == 'LinearClsHead'


def test_other_heads_keep_their_type(tmp_path):
    user = small_config()
    user.model.head = dict(type='StackedLinearClsHead', num_classes=10, in_channels=32,
                           mid_channels=[16])  # fmt: skip
    head = config_of('gala', tmp_path, user).model.head
    assert head.type == 'StackedLinearClsHead'
    assert head.loss == dict(type='mmgala.GALALoss', num_classes=10)
    with pytest.raises(
        ValueError, match='ldam needs CosineClsHead, but the config has'
    ):
        config_of('ldam', tmp_path, user)


def test_mixed_images_have_mixed_labels(tmp_path):
    user = small_config()
    user.model.train_cfg = dict(augments=dict(type='Mixup', alpha=0.2))
    assert config_of('ce', tmp_path, user).model.head.loss.use_soft


def test_counts_reach_the_losses_without_the_hook_in_the_config(tmp_path):
    user = small_config()
    user.custom_hooks = None
    hooks = config_of('ldam-drw:begin=0.5', tmp_path, user).custom_hooks
    assert hooks == [dict(type='mmgala.DeferredReweightingHook', begin=0.5),
                     dict(type='mmgala.ClassCountsHook')]  # fmt: skip


def test_validation_at_the_end_alone_unless_the_training_needs_it(tmp_path):
    cfg = config_of('ce', tmp_path)
    assert cfg.train_cfg.val_begin > training_length(cfg) == 2
    user = small_config()
    user.custom_hooks.append(dict(type='EarlyStoppingHook', monitor='accuracy/top1'))
    assert 'val_begin' not in config_of('ce', tmp_path, user).train_cfg
    best = config_of('ce', tmp_path, selection='best')
    assert best.default_hooks.checkpoint.save_best == 'accuracy/class_mean'
    assert 'val_begin' not in best.train_cfg


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(default_scope='mmdet'), 'not detection'),
        (dict(stage1=dict()), 'two stages'),
        (dict(model=dict(head=dict(type='MultiLabelLinearClsHead'))), 'several labels'),
        (dict(model=dict(head=None)), 'no model.head'),
        (dict(train_dataloader=None), 'no train_dataloader'),
    ],
)
def test_configs_that_cannot_be_compared(change, message, tmp_path):
    cfg = small_config()
    cfg.merge_from_dict(change)
    with pytest.raises(ValueError, match=message):
        plan_runs(cfg, find_methods(['ce']), [0], tmp_path)


def test_nothing_is_chosen_on_the_test_set(tmp_path):
    cfg = small_config()
    cfg.val_dataloader = copy.deepcopy(cfg.test_dataloader)
    cfg.val_dataloader.dataset.pipeline = []
    with pytest.raises(
        ValueError, match='validation set of the config is its test set'
    ):
        plan_runs(cfg, find_methods(['ce']), [0], tmp_path, 'best')
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    with pytest.raises(ValueError, match='has no val_dataloader'):
        plan_runs(cfg, find_methods(['ce']), [0], tmp_path, 'best')


@pytest.mark.parametrize(
    ('texts', 'message'),
    [
        (['foo'], r"Unknown method 'foo': choose from ce, gala, "),
        (['ce', 'ce'], 'twice'),
        (['gala:lambda_pos'], "got 'lambda_pos'"),
        (['gala:beta=1'], "gala:beta=1: GALALoss, GALAHead accept no 'beta'"),
        (['crt:tau=1'], 'crt does not use tau'),
        (['crt:loss=foo'], "no method 'foo' has a loss"),
        (['ncm:foo=1'], 'unexpected keyword'),
        (['las:foo=1'], 'neither crt nor LabelAwareSmoothingLoss accepts .foo'),
    ],
)
def test_unknown_methods_and_settings(texts, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plan_runs(small_config(), find_methods(texts), [0], tmp_path)


def test_settings_are_read_as_python_or_else_text():
    assert parse_settings('a=1e-3,b=(1,2),c=name,d=True,e=[1]') == dict(
        a=1e-3, b=(1, 2), c='name', d=True, e=[1]
    )


def test_methods_of_users(tmp_path):
    own = user_methods(
        dict(mine=dict(loss=dict(type='LabelSmoothLoss', label_smooth_val=0.2))), 'f.py'
    )
    loss = config_of('mine:label_smooth_val=0.3', tmp_path, own=own).model.head.loss
    assert loss == dict(type='LabelSmoothLoss', label_smooth_val=0.3, num_classes=10)
    for bad, message in (
        ({}, r'f.py has no methods = dict'),
        ([1], r'f.py has no methods = dict'),
        (dict(mine=dict(source='x')), 'must be a dict with loss, head or custom_hooks'),
        (dict(mine=dict(head=3)), r'mine\.head must be a dict'),
        (dict(mine=dict(loss='x')), r"mine\.loss must be a dict.*'x'"),
        (dict(mine=dict(custom_hooks=['x'])), 'custom_hooks must be a list of dicts'),
        (dict(mine=dict(loss={}, optim_wrapper={})), "'optim_wrapper': only"),
        ({'../mine': dict(loss={})}, 'names of methods have letters'),
    ):
        with pytest.raises(ValueError, match=message):
            user_methods(bad, 'f.py')


def test_a_derived_method_starts_from_ce_of_its_seed(tmp_path):
    methods = find_methods(['gala', 'crt:loss=balanced-softmax,epochs=2', 'ncm'])
    runs = plan_runs(small_config(), methods, [0, 1], tmp_path)
    assert [(run.method, run.seed) for run in runs[:4]] == [
        ('ce', 0), ('gala', 0), ('crt:loss=balanced-softmax,epochs=2', 0), ('ncm', 0)
    ]  # fmt: skip
    crt = runs[6]
    assert crt.start is runs[4]
    assert (runs[4].method, runs[4].seed, runs[4].requested) == ('ce', 1, False)
    assert crt.retraining == dict(
        method='crt', epochs=2, loss=dict(type='mmgala.BalancedSoftmaxLoss'),
        init='new', lr=0.2, batch_size=512, weight_decay=5e-4,
    )  # fmt: skip
    assert len({run.folder for run in runs}) == len({run.hash for run in runs}) == 8
    assert all(tmp_path in run.folder.parents for run in runs)


def test_settings_of_a_derived_method_are_of_its_re_training_or_its_loss(tmp_path):
    methods = find_methods(['las:smooth_head=0.4,lr=0.02', 'gcl:gamma=2,seed=5'])
    las, gcl = (
        run for run in plan_runs(small_config(), methods, [0], tmp_path) if run.start
    )
    assert las.start.method == 'ce'
    assert las.retraining['lr'] == 0.02
    assert las.retraining['loss'] == dict(
        type='mmgala.LabelAwareSmoothingLoss', smooth_head=0.4, smooth_tail=0.0
    )
    assert gcl.start.method == 'gcl-one-stage'
    assert gcl.retraining['seed'] == 5
    assert gcl.retraining['loss']['gamma'] == 2
    assert CATALOGUE['gcl'].retraining['loss']['gamma'] == 1  # left as it was


def test_weight_decay_of_a_parameter_is_switched_off_and_nothing_else(tmp_path):
    user = small_config()
    keys = {'head': dict(lr_mult=10.0, decay_mult=2.0), 'backbone': dict(lr_mult=0.1)}
    user.optim_wrapper.paramwise_cfg = dict(norm_decay_mult=0.0, custom_keys=keys)
    paramwise = config_of('cb-focal', tmp_path, user).optim_wrapper.paramwise_cfg
    assert paramwise.to_dict() == dict(
        norm_decay_mult=0.0,
        custom_keys={**keys, 'head.fc.bias': dict(lr_mult=10.0, decay_mult=0.0)},
    )
    assert user.optim_wrapper.paramwise_cfg.custom_keys.to_dict() == keys


def test_a_start_of_the_classifier_needs_a_linear_head(tmp_path):
    user = small_config()
    user.model.head = dict(type='StackedLinearClsHead', num_classes=10, in_channels=32,
                           mid_channels=[16])  # fmt: skip
    with pytest.raises(ValueError, match='cb-focal needs GALAHead, but the config has'):
        config_of('cb-focal', tmp_path, user)


def test_the_hash_is_of_settings_and_not_of_places(tmp_path):
    def hash_of(cfg, folder):
        (run,) = plan_runs(cfg, find_methods(['ce']), [0], folder)
        return run.hash

    cfg = small_config()
    assert hash_of(cfg, tmp_path / 'a') == hash_of(small_config(), tmp_path / 'b')
    cfg.optim_wrapper.optimizer.lr = 0.051
    assert hash_of(cfg, tmp_path / 'a') != hash_of(small_config(), tmp_path / 'a')


class UsersHead(LinearClsHead):
    """A subclass that only has another name."""


class DropoutHead(LinearClsHead):
    def pre_logits(self, feats):
        return torch.nn.functional.dropout(super().pre_logits(feats), 0.5)


class UsersGALAHead(GALAHead):
    pass


class UsersMultiLabelHead(MultiLabelLinearClsHead):
    pass


class UsersCounts(ClassCountsHook):
    pass


class UsersStopping(EarlyStoppingHook):
    pass


class UsersCrossEntropy(CrossEntropyLoss):
    pass


@pytest.mark.parametrize('kind', [UsersHead, UsersGALAHead])
def test_a_subclass_of_a_linear_head_is_exchanged_like_its_parent(kind, tmp_path):
    user = small_config()
    user.model.head.type = kind
    assert config_of('ldam', tmp_path, user).model.head.type == 'mmgala.CosineClsHead'
    assert config_of('ce', tmp_path, user).model.head.type == 'LinearClsHead'


def test_a_head_that_transforms_features_keeps_its_type(tmp_path):
    user = small_config()
    user.model.head.type = DropoutHead
    head = config_of('gala', tmp_path, user).model.head
    assert head.type is DropoutHead
    assert head.loss.type == 'mmgala.GALALoss'
    with pytest.raises(ValueError, match='ldam needs CosineClsHead, .* DropoutHead'):
        config_of('ldam', tmp_path, user)


def test_a_subclass_of_a_multi_label_head_is_refused(tmp_path):
    user = small_config()
    user.model.head.type = UsersMultiLabelHead
    with pytest.raises(ValueError, match='UsersMultiLabelHead predicts several labels'):
        plan_runs(user, find_methods(['ce']), [0], tmp_path)


def test_subclasses_of_hooks_work_like_their_parents(tmp_path):
    user = small_config()
    stopping = dict(type=UsersStopping, monitor='accuracy/top1')
    user.custom_hooks = [dict(type=UsersCounts), stopping]
    cfg = config_of('ce', tmp_path, user)
    assert [hook.type for hook in cfg.custom_hooks] == [UsersCounts, UsersStopping]
    assert 'val_begin' not in cfg.train_cfg


def test_a_subclass_of_gala_head_is_not_required(tmp_path):
    user = small_config()
    user.model.head.type = DropoutHead
    own = user_methods(
        dict(mine=dict(head=dict(type=UsersGALAHead), loss=dict(type=GALALoss))), 'f.py'
    )
    assert config_of('mine', tmp_path, user, own=own).model.head.type is DropoutHead


def test_mixed_labels_are_soft_for_a_subclass_of_cross_entropy(tmp_path):
    user = small_config()
    user.model.train_cfg = dict(augments=dict(type='Mixup', alpha=1.0))
    own = user_methods(dict(mine=dict(loss=dict(type=UsersCrossEntropy))), 'f.py')
    for text in ('ce', 'mine'):
        assert config_of(text, tmp_path, user, own=own).model.head.loss.use_soft
    assert 'use_soft' not in config_of('gala', tmp_path, user).model.head.loss
