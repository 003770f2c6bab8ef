"""`CIFARResNet` is the ResNet of He et al. 2016, section 4.2."""

import math

import pytest
import torch
from mmpretrain.models.heads import LinearClsHead
from torch import nn
from torch.testing import assert_close

from mmgala.models.backbones.cifar_resnet import CIFARResNet, PaddedShortcut
from tests.reference.cifar_resnet_torch import ResNet32

# Table 6 of the paper: millions of parameters, with a classifier for 10 classes.
LOSS = dict(type='mmpretrain.CrossEntropyLoss')  # in any default scope
PUBLISHED = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85}


def count(module):
    return sum(p.numel() for p in module.parameters())


def weights_by_formula(depth):
    """3 x 3 convolutions without bias, and a scale and a shift after each."""
    n = (depth - 2) // 6
    pairs = 3 * 16 + 2 * n * 16**2
    pairs += 16 * 32 + (2 * n - 1) * 32**2
    pairs += 32 * 64 + (2 * n - 1) * 64**2
    return 9 * pairs + 2 * (16 + 2 * n * (16 + 32 + 64))


def initialised(**kwargs):
    backbone = CIFARResNet(**kwargs)
    backbone.init_weights()
    return backbone


def norms(module):
    return [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]


def randomise_norms(module):
    """Scales, shifts and running statistics that each change the output."""
    for norm in norms(module):
        for tensor, low, high in (
            (norm.weight, 0.5, 1.5),
            (norm.bias, -0.5, 0.5),
            (norm.running_mean, -0.5, 0.5),
            (norm.running_var, 0.5, 1.5),
        ):
            nn.init.uniform_(tensor, low, high)


@pytest.mark.parametrize('depth', PUBLISHED)
def test_number_of_parameters(depth):
    backbone = CIFARResNet(depth=depth)
    assert count(backbone) == weights_by_formula(depth)

    total = count(backbone) + count(LinearClsHead(10, 64, loss=LOSS))
    assert round(total / 1e6, 2) == PUBLISHED[depth]


def test_pooling_in_a_shortcut_without_convolution_is_refused():
    with pytest.raises(ValueError, match='avg_down'):
        CIFARResNet(20, avg_down=True)


@pytest.mark.parametrize('depth', PUBLISHED)
def test_depth_is_the_longest_path_of_layers_with_weights(depth):
    convolutions = [m for m in CIFARResNet(depth).modules() if type(m) is nn.Conv2d]
    assert len(convolutions) + 1 == depth  # and the classifier


@pytest.mark.parametrize('depth', [18, 33, 110, '32'])
def test_other_depths_are_refused(depth):
    message = rf'`depth` to be one of \(20, 32, 44, 56\), but got {depth}\.$'
    with pytest.raises(ValueError, match=message):
        CIFARResNet(depth=depth)


@pytest.mark.parametrize('training', [True, False], ids=['train', 'eval'])
def test_output_and_gradients_equal_a_plain_network(training):
    backbone, reference = initialised(depth=32).double(), ResNet32().double()
    randomise_norms(backbone)
    reference.load_state_dict(backbone.state_dict(), strict=True)
    backbone.train(training)
    reference.train(training)
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)

    (features,) = backbone(images)
    expected = reference(images)

    assert features.shape == (4, 64, 8, 8)
    assert_close(features, expected)
    direction = torch.randn_like(expected)
    (features * direction).sum().backward()
    (expected * direction).sum().backward()
    for (name, ours), theirs in zip(
        backbone.named_parameters(), reference.parameters(), strict=True
    ):
        assert_close(ours.grad, theirs.grad, msg=name)
        assert ours.grad.abs().max() > 0, name
    for ours, theirs in zip(backbone.buffers(), reference.buffers(), strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize(
    ('out_channels', 'before', 'after'), [(4, 1, 1), (6, 2, 2), (5, 1, 2), (2, 0, 0)]
)
def test_shortcut_by_hand(out_channels, before, after):
    x = torch.arange(1.0, 19.0).reshape(1, 2, 3, 3)

    out = PaddedShortcut(2, out_channels, stride=2)(x)

    kept = [[[1.0, 3.0], [7.0, 9.0]], [[10.0, 12.0], [16.0, 18.0]]]
    zero = [[0.0, 0.0], [0.0, 0.0]]
    assert out.tolist() == [[zero] * before + kept + [zero] * after]


def test_convolutions_are_drawn_from_a_normal_distribution_by_fan_in():
    drawn = []
    for name, module in initialised(depth=32).named_modules():
        if isinstance(module, nn.Conv2d):
            weight = module.weight.detach().double().flatten()
            units = weight * math.sqrt(module.in_channels * 9 / 2)
            # The standard deviation of n normal numbers is known to 1 / sqrt(2 n).
            assert units.std() == pytest.approx(1, abs=5 / math.sqrt(2 * len(units))), (
                name
            )
            drawn.append(units)
    drawn = torch.cat(drawn)
    assert len(drawn) == weights_by_formula(32) - 2 * (16 + 10 * (16 + 32 + 64))
    assert drawn.mean().abs() < 5 / math.sqrt(len(drawn))
    # Kurtosis: 3 for the normal distribution, 1.8 for the uniform one.
    assert drawn.pow(4).mean() == pytest.approx(3, abs=5 * math.sqrt(96 / len(drawn)))


@pytest.mark.parametrize('zero_init_residual', [False, True])
def test_norms_start_as_identity(zero_init_residual):
    options = {'zero_init_residual': True} if zero_init_residual else {}
    backbone = initialised(depth=20, **options)
    for name, norm in backbone.named_modules():
        if isinstance(norm, nn.BatchNorm2d):
            last_of_block = name.endswith('bn2')
            scale = 0.0 if zero_init_residual and last_of_block else 1.0
            assert norm.weight.unique().tolist() == [scale], name
            assert norm.bias.unique().tolist() == [0.0], name


def test_given_initialisation_is_used():
    backbone = initialised(
        depth=20, init_cfg=dict(type='Constant', layer='Conv2d', val=0.25)
    )
    assert backbone.layer3[0].conv1.weight.unique().tolist() == [0.25]


@pytest.mark.parametrize('frozen_stages', [-1, 0, 1, 3])
def test_frozen_stages_neither_train_nor_move(frozen_stages):
    backbone = CIFARResNet(20, frozen_stages=frozen_stages)
    backbone.train()
    backbone(torch.randn(2, 3, 8, 8))

    stages = {'conv1': 0, 'bn1': 0, 'layer1': 1, 'layer2': 2, 'layer3': 3}
    for name, parameter in backbone.named_parameters():
        frozen = stages[name.split('.')[0]] <= frozen_stages
        assert parameter.requires_grad is not frozen, name
    for name, buffer in backbone.named_buffers():
        if name.endswith('num_batches_tracked'):
            frozen = stages[name.split('.')[0]] <= frozen_stages
            assert buffer == (0 if frozen else 1), name


@pytest.mark.parametrize('norm_eval', [False, True])
def test_norm_eval_fixes_every_norm(norm_eval):
    backbone = CIFARResNet(20, norm_eval=norm_eval)
    backbone.train()
    assert backbone.training
    assert {norm.training for norm in norms(backbone)} == {not norm_eval}


def test_channels_and_outputs_of_choice():
    backbone = CIFARResNet(20, in_channels=1, base_channels=8, out_indices=(0, 1, 2))
    backbone.eval()

    outputs = backbone(torch.randn(2, 1, 28, 28))

    assert backbone.conv1.weight.shape == (8, 1, 3, 3)
    assert [tuple(x.shape) for x in outputs] == [
        (2, 8, 28, 28), (2, 16, 14, 14), (2, 32, 7, 7)
    ]  # fmt: skip
    assert_close(backbone.layer3(outputs[1]), outputs[2])
