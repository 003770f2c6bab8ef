"""LoadBackboneHook refuses other backbones with a one-line error, before training."""

import copy

import pytest
import torch

from tests.engine.hooks.test_load_backbone_hook import (
    HOOK,
    bare,
    bare_with_prefix,
    whole,
    with_prefix,
)
from tests.engine.tiny_runner import tiny_model, tiny_runner


@pytest.fixture
def refused(tmp_path):
    """Factory: the error message for a checkpoint, without its path."""

    def load(content, model):
        path = tmp_path / 'donor.pth'
        torch.save(content, path)
        before = copy.deepcopy(model.head.state_dict())
        runner = tiny_runner(
            tmp_path / 'work', model, load_from=str(path), custom_hooks=[HOOK]
        )
        with pytest.raises(ValueError, match=str(path)) as error:
            runner.train()
        assert runner.iter == 0
        for name, value in model.head.state_dict().items():
            assert torch.equal(value, before[name])
        return str(error.value).replace(str(path), 'X')

    return load


PREFIXES = {
    whole: 'backbone.',
    with_prefix: 'module.backbone.',
    bare: '',
    bare_with_prefix: 'module.',
}
FORMS = pytest.mark.parametrize('form', PREFIXES, ids=lambda form: form.__name__)


@FORMS
def test_deeper_network_of_the_family(refused, form):
    # It has all tensors of the model, in the same shapes, and six more blocks, each
    # with two convolutions and two norms of five tensors.
    message = refused(form(tiny_model(depth=32)), tiny_model(depth=20))
    assert message == (
        'Checkpoint X has a different backbone: it additionally has 72 weights '
        '(backbone.layer1.3.conv1.weight, backbone.layer1.3.bn1.weight, ...).'
    )


@FORMS
def test_shallower_network_of_the_family(refused, form):
    # The same six blocks; norms may lack `num_batches_tracked`.
    message = refused(form(tiny_model(depth=20)), tiny_model(depth=32))
    assert message == (
        'Checkpoint X has a different backbone: it lacks 60 weights '
        '(backbone.layer1.3.conv1.weight, backbone.layer1.3.bn1.weight, ...).'
    )


@FORMS
def test_wider_network(refused, form):
    message = refused(form(tiny_model(base_channels=4)), tiny_model(base_channels=2))
    assert message == (
        'Checkpoint X has a different backbone: backbone.conv1.weight has shape '
        '(4, 3, 3, 3), but (2, 3, 3, 3) in the model.'
    )


@FORMS
@pytest.mark.parametrize('name', ['layer3.2.bn2.running_var', 'conv1.weight'])
def test_a_missing_weight(refused, form, name):
    content = form(tiny_model())
    del content.get('state_dict', content)[PREFIXES[form] + name]
    assert refused(content, tiny_model()) == (
        f'Checkpoint X has a different backbone: it lacks 1 weights (backbone.{name}).'
    )


@FORMS
def test_an_additional_weight(refused, form):
    content = form(tiny_model())
    key = f'{PREFIXES[form]}layer2.0.downsample.0.weight'
    content.get('state_dict', content)[key] = torch.ones(1)
    assert refused(content, tiny_model()) == (
        'Checkpoint X has a different backbone: it additionally has 1 weights '
        '(backbone.layer2.0.downsample.0.weight).'
    )


@pytest.mark.parametrize(
    ('content', 'first'),
    [
        ({'state_dict': {'head.fc.weight': torch.ones(3, 8)}}, 'head.fc.weight'),
        ({'state_dict': {}}, 'missing'),
        ({'features.0.weight': torch.ones(3)}, 'features.0.weight'),
        ({'state_dict_best': {'feat_model': {}}}, 'state_dict_best'),
    ],
)
def test_no_backbone(refused, content, first):
    message = refused(content, tiny_model())
    assert f'no backbone weights; its first weight is {first}.' in message
    assert 'load_from' in message
