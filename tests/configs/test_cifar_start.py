"""How the model of the CIFAR recipe starts, against what its authors' code draws."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmgala.registry import MODELS
from tests.tools.command_line import ROOT

CONFIGS = ['gala', 'cross_entropy', 'balanced_softmax']


@pytest.fixture(scope='module', params=CONFIGS)
def model(request):
    name = f'configs/{request.param}/resnet32_cifar100-lt-if100.py'
    cfg = Config.fromfile(ROOT / name)
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def test_classifier_starts_as_pytorchs_linear_layer(model):
    weight, bias = model.head.fc.weight, model.head.fc.bias

    # Uniform between -1/8 and 1/8: a deviation of 1 / (8 sqrt(3)) = .0722.
    assert weight.std().item() == pytest.approx(0.0722, abs=0.001)
    assert 0.124 < weight.abs().max().item() <= 0.125
    assert bias.std().item() == pytest.approx(0.0722, abs=0.01)
    assert 0.11 < bias.abs().max().item() <= 0.125


def test_size_and_convolutions(model):
    trained = [p for name, p in model.named_parameters() if 'loss' not in name]
    assert sum(p.numel() for p in trained) == 470_004
    # Kaiming-normal by fan-in: sqrt(2 / (9 * 64)) in the last stage.
    last = model.backbone.layer3[-1].conv2.weight
    assert last.std().item() == pytest.approx((2 / 576) ** 0.5, rel=0.02)
