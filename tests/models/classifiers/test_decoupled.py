"""`DecoupledClassifier` trains its head only, on a frozen representation."""

import pytest
import torch
from mmpretrain.models.necks import LinearNeck
from torch import nn
from torch.testing import assert_close

from mmgala.registry import MODELS
from tests.models.classifiers.small_decoupled import (
    batch,
    build,
    changed,
    snapshot,
    train,
)


def parameters_of(model, *parts):
    names = {name for name, _ in model.named_parameters() if name.startswith(parts)}
    assert names
    return names


def running_of(model, *parts):
    names = {name for name, _ in model.named_buffers() if name.startswith(parts)}
    assert any(name.endswith('running_mean') for name in names)
    return names


def backbone_norms(model):
    return {
        name: module
        for name, module in model.backbone.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    }


@pytest.mark.parametrize('freeze_backbone', [True, False])
def test_which_parameters_require_gradients(freeze_backbone):
    model = build(LinearNeck(16, 16, gap_dim=2), freeze_backbone=freeze_backbone)

    trained = {name for name, p in model.named_parameters() if p.requires_grad}

    parts = ('head.',) if freeze_backbone else ('head.', 'neck.', 'backbone.')
    assert trained == parameters_of(model, *parts)
    assert not parameters_of(model, 'backbone.', 'neck.') & parameters_of(model, 'head')


@pytest.mark.parametrize('norm_eval', [False, True])
def test_training_step_changes_the_head_alone(norm_eval):
    model = build(LinearNeck(16, 16, gap_dim=2), norm_eval=norm_eval)
    before = snapshot(model)

    train(model)

    expected = parameters_of(model, 'head.') | running_of(model, 'head.')
    if not norm_eval:
        expected |= running_of(model, 'backbone.', 'neck.')
    assert changed(before, model) == expected
    frozen = [p for n, p in model.named_parameters() if not n.startswith('head.')]
    assert all(parameter.grad is None for parameter in frozen)


@pytest.mark.parametrize('norm_eval', [False, True])
def test_without_freezing_everything_trains(norm_eval):
    model = build(freeze_backbone=False, norm_eval=norm_eval)
    before = snapshot(model)

    train(model)

    assert changed(before, model) == set(before)


def test_running_statistics_move_to_those_of_the_batch():
    model = build()
    seen = {}
    for name, norm in backbone_norms(model).items():
        norm.register_forward_pre_hook(
            lambda _, inputs, name=name: seen.setdefault(name, inputs[0].detach())
        )
        nn.init.constant_(norm.running_mean, 2.0)
        nn.init.constant_(norm.running_var, 5.0)
    images = torch.stack(batch()['inputs'])

    train(model)

    stem = nn.functional.conv2d(images, model.backbone.conv1.weight, padding=1)
    assert_close(seen['bn1'], stem)
    assert len(seen) == 19
    for name, norm in backbone_norms(model).items():
        mean = seen[name].mean(dim=(0, 2, 3))
        variance = seen[name].var(dim=(0, 2, 3), unbiased=True)
        assert_close(norm.running_mean, 0.9 * 2.0 + 0.1 * mean)
        assert_close(norm.running_var, 0.9 * 5.0 + 0.1 * variance)


@pytest.mark.parametrize('norm_eval', [False, True])
def test_norm_eval_fixes_the_normalisation_in_training(norm_eval):
    model = build(norm_eval=norm_eval)
    for norm in backbone_norms(model).values():
        nn.init.uniform_(norm.running_mean, -1, 1)
        nn.init.uniform_(norm.running_var, 1, 3)
    images = torch.stack(batch()['inputs'])
    model.eval()
    (fixed,) = model.extract_feat(images)

    model.train()
    (features,) = model.extract_feat(images)

    assert torch.equal(features, fixed) is norm_eval


@pytest.mark.parametrize('norm_eval', [False, True])
def test_statistics_do_not_change_in_evaluation(norm_eval):
    model = build(norm_eval=norm_eval)
    before = snapshot(model)
    model.eval()

    with torch.no_grad():
        predictions = model.test_step(batch())

    assert changed(before, model) == set()
    assert len(predictions) == 8


@pytest.mark.parametrize(
    ('options', 'fixed'),
    [
        (dict(norm_eval=True), True),
        (dict(norm_eval=False), False),
        (dict(freeze_backbone=False, norm_eval=True), False),
    ],
)
def test_switching_between_training_and_evaluation(options, fixed):
    model = build(LinearNeck(16, 16, gap_dim=2), **options)
    norms = [*backbone_norms(model).values(), model.neck.norm]
    for _ in range(2):
        assert model.train() is model
        assert {norm.training for norm in norms} == {not fixed}
        rest = [m for m in model.modules() if m not in norms]
        assert model.head.norm in rest
        assert all(m.training for m in rest)
        assert model.eval() is model
        assert not any(m.training for m in model.modules())
        assert model.train(False) is model
        assert not any(m.training for m in model.modules())


def test_built_from_a_config_without_a_neck():
    cfg = dict(
        type='mmgala.DecoupledClassifier',
        backbone=dict(type='mmgala.CIFARResNet', depth=20),
        head=dict(type='mmpretrain.LinearClsHead', num_classes=3, in_channels=64),
    )
    model = MODELS.build(cfg)
    assert {n for n, p in model.named_parameters() if p.requires_grad} == {
        'head.fc.weight', 'head.fc.bias'
    }  # fmt: skip
    assert all(norm.training for norm in backbone_norms(model.train()).values())
