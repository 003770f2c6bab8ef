"""The layer with the class weight vectors is found in every kind of head."""

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn

from mmgala.apis.class_vectors import find_class_layer, inputs_of
from mmgala.registry import MODELS

LINEAR = dict(num_classes=7, in_channels=6)


def with_head(**cfg):
    """A model with a head, and linear layers of as many outputs outside of it."""
    init_default_scope('mmpretrain')
    backbone = nn.Sequential(nn.Linear(3, 6), nn.Linear(6, 7))
    model = nn.ModuleDict({'backbone': backbone, 'head': MODELS.build(cfg)})
    model.train()
    return model


@pytest.mark.parametrize(
    ('cfg', 'expected'),
    [
        (dict(type='LinearClsHead', **LINEAR), 'head.fc'),
        (dict(type='mmgala.GALAHead', **LINEAR), 'head.fc'),
        (dict(type='MultiLabelLinearClsHead', **LINEAR), 'head.fc'),
        (
            dict(type='StackedLinearClsHead', mid_channels=[5, 4], **LINEAR),
            'head.layers.2.fc',
        ),
        (dict(type='VisionTransformerClsHead', **LINEAR), 'head.layers.head'),
        (
            dict(type='VisionTransformerClsHead', hidden_dim=5, **LINEAR),
            'head.layers.head',
        ),
        (dict(type='ArcFaceClsHead', **LINEAR), 'head.norm_product'),
        (
            dict(type='LeViTClsHead', distillation=False, **LINEAR),
            'head.head.linear',
        ),
        (
            dict(type='EfficientFormerClsHead', distillation=False, **LINEAR),
            'head.head',
        ),
    ],
    ids=lambda value: value['type'] if isinstance(value, dict) else value,
)
def test_heads_of_mmpretrain(cfg, expected):
    model = with_head(**cfg)

    name, layer = find_class_layer(model)

    assert name == expected
    assert layer is model.get_submodule(expected)
    assert len(layer.weight) == 7


class Wrapper(nn.Module):
    """Something that holds the model as wrappers for distribution do."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def test_a_wrapped_model_is_unwrapped(monkeypatch):
    monkeypatch.setattr(
        'mmgala.utils.checkpoint_fit.is_model_wrapper', lambda m: isinstance(m, Wrapper)
    )

    name, _ = find_class_layer(Wrapper(with_head(type='LinearClsHead', **LINEAR)))

    assert name == 'head.fc'


def test_a_named_layer_goes_before_the_one_in_the_head():
    model = with_head(type='LinearClsHead', **LINEAR)

    assert find_class_layer(model, 'backbone.1') == ('backbone.1', model['backbone'][1])


CONFORMER = dict(type='ConformerHead', num_classes=7, in_channels=[6, 6])


@pytest.mark.parametrize(
    ('cfg', 'name', 'message'),
    [
        (
            CONFORMER,
            None,
            'there are 2, head.conv_cls_head, head.trans_cls_head: name the layer with '
            '--layer',
        ),
        (
            dict(type='DeiTClsHead', **LINEAR),
            None,
            'there are 2, head.layers.head, head.layers.head_dist: name the layer',
        ),
        (
            dict(type='ArcFaceClsHead', num_subcenters=3, **LINEAR),
            None,
            r'head.norm_product has 21 vectors for 7 classes.*num_subcenters=1',
        ),
        (dict(type='LinearClsHead', **LINEAR), 'head', 'Layer head is not linear; '),
        (
            dict(type='LinearClsHead', **LINEAR),
            'head.nothing',
            r'Layer head.nothing does not exist; .*head.fc \(7 outputs\)',
        ),
    ],
)
def test_what_cannot_be_found_is_told(cfg, name, message):
    model = with_head(**cfg)
    with pytest.raises(ValueError, match=message):
        find_class_layer(model, name)


def test_a_model_without_such_a_head():
    model = nn.ModuleDict({'backbone': nn.Sequential(nn.ReLU(), nn.Linear(6, 7))})
    message = r'found none: name .* --layer; linear layers are backbone.1 \(7 outputs\)'
    with pytest.raises(ValueError, match=message):
        find_class_layer(model)


def test_a_model_without_linear_layers():
    with pytest.raises(ValueError, match='found none.*no layer is linear'):
        find_class_layer(nn.Sequential(nn.ReLU()))


def test_inputs_are_collected_within_the_block_only():
    layer = nn.Linear(2, 3)
    batches = [torch.rand(4, 2), torch.rand(1, 2)]

    with inputs_of(layer) as collected:
        for batch in batches:
            layer(batch)
    layer(batches[0])

    assert len(collected) == 2
    assert all(map(torch.equal, collected, batches))


def test_an_error_within_the_block_leaves_no_hook():
    layer = nn.Linear(2, 3)
    with pytest.raises(RuntimeError), inputs_of(layer) as collected:
        layer(torch.rand(1, 5))
    layer(torch.rand(1, 2))
    assert len(collected) == 1
