"""Recipes built once for all tests that look at them."""

from types import SimpleNamespace

import pytest
import torch
from mmpretrain.models import ResNet

from tests.configs.built_recipes import build
from tests.configs.recipe_table import STAGE2


@pytest.fixture(scope='session')
def imagenet_weights(tmp_path_factory):
    """File of a ResNet-152 such as Places-LT starts from, all weights random."""
    path = tmp_path_factory.mktemp('weights') / 'resnet152.pth'
    torch.manual_seed(1)
    state = {f'backbone.{k}': v for k, v in ResNet(152).state_dict().items()}
    torch.save({'state_dict': state | {'head.fc.bias': torch.zeros(1000)}}, path)
    return path


@pytest.fixture(scope='session', params=STAGE2)
def decoupled(request, tmp_path_factory, miniatures):
    """Both stages of a large set's GALA recipe: ``name``, and a runner each."""
    changes = {}
    if 'places' in request.param:
        weights = request.getfixturevalue('imagenet_weights')
        changes['stage1__model__backbone__init_cfg__checkpoint'] = weights
    work_dir = tmp_path_factory.mktemp('decoupled') / 'work'
    first, second = build(f'gala/{request.param}', work_dir, miniatures, **changes)
    yield SimpleNamespace(name=request.param, stage1=first, stage2=second)
    for path in work_dir.rglob('*.pth'):
        path.unlink()


@pytest.fixture(scope='session')
def cifar(tmp_path_factory, miniatures):
    """Runner of the recipe of CIFAR100-LT with imbalance factor 100."""
    work_dir = tmp_path_factory.mktemp('cifar') / 'work'
    (runner,) = build('gala/resnet32_cifar100-lt-if100', work_dir, miniatures)
    return runner
