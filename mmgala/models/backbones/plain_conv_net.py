"""A few convolutions in sequence: a backbone that trains in a minute on a CPU."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmgala.registry import MODELS


@MODELS.register_module()
class PlainConvNet(BaseModule):
    """3 x 3 convolutions, each with batch norm and ReLU, then average pooling.

    The output is flat, so that a linear head follows without a neck.

    Args:
        in_channels: of the images.
        channels: of each convolution.
        strides: of each convolution, of the same length.
        pool_size: rows and columns that the pooling leaves. ``(1, 1)`` is global
            average pooling, which forgets where in the image something is. For pairs
            of images side by side use ``(1, 2)``: with ``(1, 1)``, (a, b) and (b, a)
            look the same.
        init_cfg: defaults to Kaiming-normal weights (by fan-in) and identity norms.

    Raises:
        ValueError: if ``channels`` and ``strides`` differ in length, are empty or
            not positive, or ``pool_size`` is not two positive numbers.

    Examples:
        >>> import torch
        >>> features, = PlainConvNet(1, pool_size=(1, 2))(torch.rand(4, 1, 28, 56))
        >>> features.shape
        torch.Size([4, 128])
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: Sequence[int] = (16, 32, 64, 64),
        strides: Sequence[int] = (2, 2, 2, 1),
        pool_size: Sequence[int] = (1, 1),
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        _check(in_channels, channels, strides, pool_size)
        if init_cfg is None:
            init_cfg = [
                dict(type='Kaiming', layer='Conv2d', mode='fan_in'),
                dict(type='Constant', val=1, layer='_BatchNorm'),
            ]
        super().__init__(init_cfg)
        inputs = (in_channels, *channels[:-1])
        self.layers = nn.Sequential(
            *(
                _layer(*numbers)
                for numbers in zip(inputs, channels, strides, strict=True)
            )
        )
        self.pool = nn.AdaptiveAvgPool2d(tuple(pool_size))

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """From ``(N, in_channels, H, W)`` to one ``(N, channels[-1] * h * w)``.

        ``h, w`` is ``pool_size``; the values of a channel are adjacent.
        """
        return (self.pool(self.layers(x)).flatten(1),)


def _layer(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        # The norm that follows removes any bias.
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def _check(
    in_channels: int,
    channels: Sequence[int],
    strides: Sequence[int],
    pool_size: Sequence[int],
) -> None:
    if in_channels < 1:
        raise ValueError(
            f'Expected `in_channels` to be 1 or more, but got {in_channels}.'
        )
    if not channels or len(channels) != len(strides):
        raise ValueError(
            'Expected `channels` and `strides` to have one number per convolution, '
            f'but got {tuple(channels)} and {tuple(strides)}.'
        )
    if min(*channels, *strides) < 1:
        raise ValueError(
            'Expected `channels` and `strides` to be 1 or more, but got '
            f'{tuple(channels)} and {tuple(strides)}.'
        )
    if len(pool_size) != 2 or min(pool_size) < 1:
        raise ValueError(
            'Expected `pool_size` to be the rows and columns that are left, each 1 or '
            f'more, but got {tuple(pool_size)}.'
        )
