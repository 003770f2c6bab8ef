"""Every shipped config loads and builds, and GALA changes nothing but the head."""

import copy
import inspect

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.structures import DataSample

from mmgala import models
from mmgala.apis.stages import plan_stages
from mmgala.comparison import find_methods
from mmgala.comparison.config import with_method
from mmgala.models import GALAHead, GALALoss
from mmgala.registry import MODELS
from tests.configs.recipe_table import NUM_CLASSES
from tests.configs.shipped import (
    ALL,
    BASELINES,
    CIFAR,
    DECOUPLED,
    EQL,
    GALA,
    MARGIN,
    ROOT,
    SHARDED,
    load,
    name,
    num_classes_of,
    read,
)


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


def build_model(cfg):
    preprocessor = cfg.get('data_preprocessor')
    model = MODELS.build(cfg.model)
    model.data_preprocessor = MODELS.build(
        dict(type='ClsDataPreprocessor', **preprocessor)
    )
    return model


def input_size_of(path):
    """Rows and columns."""
    if path.stem in NUM_CLASSES:
        return 64, 64  # 224, but for the time it takes
    if 'plankton' in path.stem:
        return 64, 64
    if 'digits' in path.stem:
        return 8, 8
    if 'pairs' in path.stem:
        return 28, 56
    return (32, 32) if path.stem.startswith('resnet32') else (28, 28)


def test_there_are_configs():
    factors = (10, 50, 100, 200)
    assert {path.stem for path in GALA} == {
        *(f'resnet32_cifar{c}-lt-if{f}' for c in (10, 100) for f in factors),
        *NUM_CLASSES,
        'resnet32_fashion-mnist-lt_15e',
        'resnet14_fashion-mnist-lt',
        'resnet14_digits-lt',
        'plain-conv-net_fashion-mnist-lt',
        'plain-conv-net_fashion-pairs-lt',
        'resnet18_plankton',
    }
    assert {p.name for p in GALA} == {p.name for p in ALL if p.parent.name != 'gala'}


def test_classes_over_ranks_change_only_what_they_need():
    plain = load(SHARDED.with_name('resnet14_digits-lt.py'))
    plain.model.head.shard_classes = True
    plain.model_wrapper_cfg = dict(type='mmgala.ClassShardsDataParallel')
    plain.custom_hooks.append(dict(type='mmgala.ClassShardsHook'))

    assert read(SHARDED).to_dict() == plain.to_dict()


def test_every_loss_has_configs_in_a_folder_of_its_own():
    others = [path for path in BASELINES if path not in MARGIN]  # an option of GALA's
    found = {(p.parent.name, read(p).model.head.loss.type) for p in others}
    losses = [loss for _, loss in found]
    registered = {
        f'mmgala.{key}'
        for key, kind in MODELS.module_dict.items()
        if key in vars(models) and key.endswith('Loss') and kind is not GALALoss
    }
    assert len(found) == len(set(losses)) == len({folder for folder, _ in found})
    assert set(losses) == registered


@pytest.mark.parametrize('path', ALL, ids=name)
def test_one_training_step_and_one_prediction(path):
    cfg = load(path)
    model = build_model(cfg)
    channels, size = cfg.model.backbone.get('in_channels', 3), input_size_of(path)
    num_classes = num_classes_of(path)
    images = torch.randint(0, 256, (4, channels, *size), dtype=torch.uint8)
    labels = (0, 1, 2, num_classes - 1)
    samples = [DataSample().set_gt_label(label) for label in labels]
    data = dict(inputs=list(images), data_samples=samples)
    if hasattr(model.head.loss_module, 'set_class_counts'):  # as ClassCountsHook does
        model.head.loss_module.set_class_counts(range(num_classes))

    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    losses['loss'].backward()
    predicted = model.eval().val_step(data)

    assert torch.isfinite(losses['loss'])
    for parameter in model.parameters():
        assert (parameter.grad is not None) == parameter.requires_grad
    assert model.head.fc.weight.grad.abs().sum() > 0
    assert [len(p.pred_score) for p in predicted] == [num_classes] * 4
    assert [float(p.pred_score.sum()) for p in predicted] == pytest.approx([1] * 4)


@pytest.mark.parametrize('path', CIFAR[:1], ids=name)
def test_resnet32_has_a_published_number_of_parameters(path):
    backbone = MODELS.build(load(path).model.backbone)

    assert sum(p.numel() for p in backbone.parameters()) == pytest.approx(
        0.46e6, rel=0.02
    )


@pytest.mark.parametrize('path', GALA, ids=name)
def test_gala_config_builds_the_gala_head_and_loss(path):
    head = MODELS.build(load(path).model.head)

    assert type(head) is GALAHead
    assert type(head.loss_module) is GALALoss
    assert head.loss_module.variant == 'paper'
    assert head.loss_module.lambda_pos == head.loss_module.lambda_neg == 1.0
    assert head.post_hoc is None


@pytest.mark.parametrize('path', GALA, ids=name)
def test_gala_config_differs_from_cross_entropy_in_the_head_only(path):
    gala = load(path).to_dict()
    other = load(ROOT / 'configs' / 'cross_entropy' / path.name).to_dict()
    heads = [copy.deepcopy(cfg['model'].pop('head')) for cfg in (gala, other)]

    assert gala == other
    assert heads[0] == {
        **heads[1], 'type': 'mmgala.GALAHead', 'loss': {'type': 'mmgala.GALALoss'}
    }  # fmt: skip
    assert heads[1]['type'] == 'LinearClsHead'


@pytest.mark.parametrize('path', BASELINES, ids=name)
def test_baseline_differs_from_cross_entropy_in_head_and_hook_only(path):
    baseline = load(path).to_dict()
    other = load(ROOT / 'configs' / 'cross_entropy' / path.name).to_dict()
    loss = MODELS.get(baseline['model']['head']['loss']['type'])
    focal = hasattr(loss, 'initial_bias')
    if focal:  # what that does is tested where it is built
        assert list(baseline['optim_wrapper'].pop('paramwise_cfg')) == ['custom_keys']
    heads = [cfg['model'].pop('head') for cfg in (baseline, other)]
    losses = [head.pop('loss') for head in heads]
    hooks = [cfg.pop('custom_hooks') for cfg in (baseline, other)]

    assert baseline == other
    assert losses[1] == {'type': 'CrossEntropyLoss'}
    scaled = heads[0].pop('scale', None) is not None
    cosine = scaled or 'scale' in inspect.signature(loss).parameters
    kind = 'mmgala.CosineClsHead' if cosine else 'LinearClsHead'
    assert heads[0].pop('type') == ('mmgala.GALAHead' if focal else kind)
    for head in heads if cosine else ():
        head.pop('init_cfg', None)
    heads[1].pop('type')
    assert heads[0] == heads[1]
    added = ['mmgala.DeferredReweightingHook'] * (path.parent.name == 'ldam_drw')
    assert [hook['type'] for hook in hooks[0][len(hooks[1]) :]] == added


@pytest.mark.parametrize('path', BASELINES, ids=name)
def test_cosine_heads_and_their_losses_have_one_scale(path):
    head = MODELS.build(load(path).model.head)

    scale = getattr(head.loss_module, 'scale', None)
    if path in MARGIN:  # its margin is in units of the logits
        scale = 15
    assert scale == getattr(head.fc, 'scale', None)


@pytest.mark.parametrize('path', MARGIN, ids=name)
def test_label_margins_are_those_of_the_method_that_was_compared(path):
    base = load(ROOT / 'configs' / 'cross_entropy' / path.name)
    (method,) = find_methods([path.parent.name.replace('_', '-')])
    compared = with_method(base, method).model.head
    compared.loss.pop('num_classes', None)  # the head passes it on

    # That of the twin is for linear layers.
    assert compared | dict(init_cfg=None) == load(path).model.head | dict(init_cfg=None)


@pytest.mark.parametrize('path', [p for p in EQL if 'cifar' not in p.stem], ids=name)
def test_eql_config_makes_the_last_classes_tail_as_its_comment_says(path):
    loss_module = MODELS.build(load(path).model.head).loss_module
    digits = 'digits' in path.stem
    largest, factor = (103, 50) if digits else (4977, 100)
    loss_module.set_class_counts([int(largest * factor ** (-c / 9)) for c in range(10)])

    tail = loss_module.class_counts[loss_module.tail].tolist()
    assert tail == ([7, 4, 3, 2] if digits else [138, 83, 49])
    assert loss_module.ignore_prob == 0.9


@pytest.mark.parametrize('path', DECOUPLED, ids=name)
def test_stage_1_is_cross_entropy_and_the_same_for_both_twins(path, tmp_path):
    stages = []
    for folder in ('gala', 'cross_entropy'):
        cfg = load(ROOT / 'configs' / folder / path.name)
        cfg.work_dir = str(tmp_path)
        stages.append([stage.cfg for stage in plan_stages(cfg)])

    (gala, _), (other, _) = stages
    assert gala.to_dict() == other.to_dict()
    head = MODELS.build(gala.model.head)
    assert type(head).__name__ == 'LinearClsHead'
    assert type(head.loss_module).__name__ == 'CrossEntropyLoss'


@pytest.mark.parametrize('path', ALL, ids=name)
def test_classes_agree_and_the_hook_counts_them(path):
    cfg = load(path)

    assert cfg.default_scope == 'mmpretrain'
    assert cfg.model.head.num_classes == num_classes_of(path)
    # Mixup and label smoothing make soft labels of it.
    assert cfg.data_preprocessor.num_classes == num_classes_of(path)
    hooks = ['mmgala.ClassCountsHook']
    if path.stem in NUM_CLASSES:
        assert [hook.type for hook in cfg.stage1.custom_hooks] == hooks
        hooks.append('mmgala.LoadBackboneHook')
    else:
        if path.parent.name == 'ldam_drw':
            hooks.append('mmgala.DeferredReweightingHook')
        natural = 'plankton' in path.stem  # long-tailed as it is
        kind = 'PlanktonSet' if natural else 'LongTailedDataset'
        assert cfg.train_dataloader.dataset.type == f'mmgala.{kind}'
        assert 'stage1' not in cfg
    assert [hook.type for hook in cfg.custom_hooks] == hooks
