"""`PlainConvNet` against the same layers written with torch's functions."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from mmgala.models.backbones import PlainConvNet


def initialised(*args, **kwargs):
    backbone = PlainConvNet(*args, **kwargs)
    backbone.init_weights()
    return backbone


def reference(backbone, x, strides, pool_size, training):
    """Output by functions; the k-th of the pooled windows by explicit slices."""
    convolutions = [m for m in backbone.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    for convolution, norm, stride in zip(convolutions, norms, strides, strict=True):
        x = F.conv2d(x, convolution.weight, stride=stride, padding=1)
        mean, var = norm.running_mean, norm.running_var
        if training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        x = (x - mean[:, None, None]) / (var[:, None, None] + norm.eps).sqrt()
        x = norm.weight[:, None, None] * x + norm.bias[:, None, None]
        x = x.clamp(min=0)

    def windows(size, number):
        return [
            slice(i * size // number, math.ceil((i + 1) * size / number))
            for i in range(number)
        ]

    rows, columns = (
        windows(size, number)
        for size, number in zip(x.shape[2:], pool_size, strict=True)
    )
    pooled = [[x[:, :, row, column].mean((2, 3)) for column in columns] for row in rows]
    stacked = torch.stack([torch.stack(row, -1) for row in pooled], -2)
    return stacked.reshape(len(x), -1)


@pytest.mark.parametrize('training', [True, False], ids=['train', 'eval'])
@pytest.mark.parametrize(
    ('channels', 'strides', 'pool_size', 'size'),
    [
        ((16, 32, 64, 64), (2, 2, 2, 1), (1, 1), (28, 28)),
        ((16, 32, 64, 64), (2, 2, 2, 1), (1, 2), (28, 56)),
        ((5, 3), (1, 2), (2, 3), (9, 11)),
        ((4,), (3,), (1, 1), (7, 5)),
    ],
)
def test_output_equals_the_layers_written_out(
    channels, strides, pool_size, size, training
):
    backbone = initialised(2, channels, strides, pool_size).double()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (module.bias, module.running_mean):
                nn.init.uniform_(tensor, -0.5, 0.5)
    backbone.train(training)
    images = torch.randn(4, 2, *size, dtype=torch.float64)

    expected = reference(backbone, images, strides, pool_size, training)
    (features,) = backbone(images)

    assert features.shape == (4, channels[-1] * pool_size[0] * pool_size[1])
    assert_close(features, expected)


def test_number_of_parameters():
    convolutions = 9 * (16 + 16 * 32 + 32 * 64 + 64 * 64)
    norms = 2 * (16 + 32 + 64 + 64)

    parameters = PlainConvNet(in_channels=1).parameters()

    assert sum(p.numel() for p in parameters) == convolutions + norms


@pytest.mark.parametrize(('pool_size', 'tells'), [((1, 1), False), ((1, 2), True)])
def test_only_columns_kept_apart_tell_the_order_of_two_items(pool_size, tells):
    # So far apart and from the border that no convolution sees two of these.
    items = torch.zeros(2, 1, 64, 128, dtype=torch.float64)
    items[0, 0, 31, 31], items[0, 0, 31, 95] = 1.0, -2.0
    items[1, 0, 31, 31], items[1, 0, 31, 95] = -2.0, 1.0
    backbone = initialised(1, pool_size=pool_size).double().eval()

    with torch.no_grad():
        (features,) = backbone(items)

    assert features.min(dim=0).values.max() > 0
    assert torch.allclose(*features, rtol=1e-9, atol=0) is not tells


def test_convolutions_are_drawn_by_fan_in_and_norms_start_as_identity():
    for module in initialised(3, (64, 64), (1, 1)).modules():
        if isinstance(module, nn.Conv2d):
            weight = module.weight.detach().double()
            units = weight * math.sqrt(module.in_channels * 9 / 2)
            # The standard deviation of n normal numbers is known to 1 / sqrt(2 n).
            tolerance = 5 / math.sqrt(2 * units.numel())
            assert float(units.std()) == pytest.approx(1, abs=tolerance)
        elif isinstance(module, nn.BatchNorm2d):
            assert module.weight.unique().tolist() == [1.0]
            assert module.bias.unique().tolist() == [0.0]


def test_given_initialisation_is_used():
    backbone = initialised(init_cfg=dict(type='Constant', layer='Conv2d', val=0.25))

    weights = [m.weight for m in backbone.modules() if isinstance(m, nn.Conv2d)]
    assert [w.unique().tolist() for w in weights] == [[0.25]] * 4


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(in_channels=0), r'`in_channels` to be 1 or more, but got 0\.$'),
        (dict(channels=(8, 8)), r'one number per convolution.*\(8, 8\) and \(2, 2, 2'),
        (dict(channels=(), strides=()), 'one number per convolution'),
        (dict(channels=(8, 0), strides=(1, 1)), r'1 or more, but got \(8, 0\)'),
        (dict(channels=(8, 8), strides=(1, 0)), r'1 or more.*and \(1, 0\)'),
        (dict(pool_size=(2,)), r'rows and columns.*but got \(2,\)\.$'),
        (dict(pool_size=(1, 0)), r'rows and columns.*but got \(1, 0\)\.$'),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PlainConvNet(**arguments)
