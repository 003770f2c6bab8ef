"""What a training step of each recipe changes in the model."""

import torch

from mmgala.utils.checkpoint import read_checkpoint
from tests.configs.inspection import moved_by_training, running_statistics

# Of the representation, MiSLAS's recipe trains all, for Places-LT but for the layers
# that come with ImageNet weights.
FROZEN_IN_STAGE1 = {
    'resnet152_places-lt': ('conv1', 'bn1', 'layer1', 'layer2', 'layer3')
}


def of_backbone(names, parts):
    return {name for name in names if name.split('.')[1] in parts}


def test_cifar_trains_everything(cifar):
    parameters, buffers = moved_by_training(cifar, 32, num_classes=6)

    assert parameters == {name for name, _ in cifar.model.named_parameters()}
    assert buffers == running_statistics(cifar) | {
        'head.loss_module.pos_grad', 'head.loss_module.neg_grad'
    }  # fmt: skip


def test_representation_and_classifier(decoupled):
    first, second = decoupled.stage1, decoupled.stage2
    frozen = FROZEN_IN_STAGE1.get(decoupled.name, ())
    everything = {name for name, _ in first.model.named_parameters()}
    statistics = running_statistics(first)

    parameters, buffers = moved_by_training(first, 64, num_classes=6)

    assert parameters == everything - of_backbone(everything, frozen)
    assert {'head.fc.weight', 'head.fc.bias'} < parameters
    assert buffers == statistics - of_backbone(statistics, frozen)

    parameters, buffers = moved_by_training(second, 64, num_classes=6)

    assert parameters == {'head.fc.weight', 'head.fc.bias'}
    assert buffers == statistics | {
        'head.loss_module.pos_grad', 'head.loss_module.neg_grad'
    }  # fmt: skip


def test_no_gradient_is_computed_for_a_frozen_backbone(decoupled):
    model = decoupled.stage2.model

    assert not any(p.requires_grad for p in model.backbone.parameters())
    groups = decoupled.stage2.optim_wrapper.optimizer.param_groups
    trained = [p for group in groups for p in group['params'] if p.requires_grad]
    assert len(trained) == 2


def test_classifier_starts_anew_on_the_backbone_of_stage_1(decoupled):
    before = decoupled.stage1.model.state_dict()
    after = decoupled.stage2.model.state_dict()

    same = {n for n in before if torch.equal(before[n], after[n])}
    assert {name for name in before if name.startswith('backbone.')} <= same
    assert 'head.fc.bias' not in same


def test_places_alone_starts_from_imagenet_weights(decoupled, imagenet_weights):
    stored = read_checkpoint(imagenet_weights)['state_dict']
    model = decoupled.stage1.model.state_dict()

    if 'places' in decoupled.name:
        same = {n for n in model if n in stored and torch.equal(model[n], stored[n])}
        assert {name for name in model if name.startswith('backbone.')} == same
    assert ('places' in decoupled.name) == (
        'init_cfg' in decoupled.stage1.cfg.model.backbone
    )
