"""The small ResNet of the CIFAR experiments."""

from typing import Any

import torch.nn.functional as F
from mmpretrain.models.backbones.resnet import BasicBlock, ResLayer
from mmpretrain.models.backbones.resnet_cifar import ResNet_CIFAR
from torch import Tensor, nn

from mmgala.registry import MODELS


class PaddedShortcut(nn.Module):
    """Parameter-free shortcut: strided slicing, and zeros for the new channels.

    Option A of He et al. 2016 (arXiv 1512.03385), section 4.2. Half of the new
    channels come before the old ones, half after them.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, at least as many.
        stride: distance between the pixels that are kept.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        before = (out_channels - in_channels) // 2
        self.padding = (before, out_channels - in_channels - before)

    def forward(self, x: Tensor) -> Tensor:
        """From ``(N, in_channels, H, W)`` to ``(N, out_channels, H', W')``."""
        kept = x[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, *self.padding))


@MODELS.register_module()
class CIFARResNet(ResNet_CIFAR):
    """ResNet for images of 32 x 32 pixels, as in section 4.2 of He et al. 2016.

    Three stages of 16, 32 and 64 channels, each of ``(depth - 2) / 6`` basic blocks,
    with parameter-free shortcuts. Depth 32 is the ResNet-32 of the literature on long
    tails. MMPretrain's ``ResNet_CIFAR`` has four stages, and convolutions in its
    shortcuts.

    Args:
        depth: 20, 32, 44 or 56. Depth 32 has 0.46 M parameters.
        in_channels: of the images.
        base_channels: channels of the stem and of the first stage.
        init_cfg: defaults to Kaiming-normal weights (by fan-in) and identity norms.
        **kwargs: further arguments of MMPretrain's ``ResNet``, such as ``norm_cfg``,
            ``norm_eval`` and ``frozen_stages``.

    Raises:
        ValueError: if there is no network of this depth, or with ``avg_down``.

    Examples:
        >>> import torch
        >>> features, = CIFARResNet(depth=32)(torch.rand(2, 3, 32, 32))
        >>> features.shape
        torch.Size([2, 64, 8, 8])
    """

    arch_settings = {
        depth: (BasicBlock, ((depth - 2) // 6,) * 3) for depth in (20, 32, 44, 56)
    }

    def __init__(
        self,
        depth: int,
        in_channels: int = 3,
        base_channels: int = 16,
        init_cfg: dict | list[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        if depth not in self.arch_settings:
            raise ValueError(
                f'Expected `depth` to be one of {tuple(self.arch_settings)}, but got '
                f'{depth}.'
            )
        if kwargs.get('avg_down'):
            raise ValueError(
                'avg_down is for shortcuts with a convolution; leave it out.'
            )
        if init_cfg is None:
            init_cfg = [
                dict(type='Kaiming', layer='Conv2d', mode='fan_in'),
                dict(type='Constant', val=1, layer='_BatchNorm'),
            ]
        super().__init__(
            depth,
            in_channels=in_channels,
            stem_channels=base_channels,
            base_channels=base_channels,
            num_stages=3,
            strides=(1, 2, 2),
            dilations=(1, 1, 1),
            out_indices=kwargs.pop('out_indices', (2,)),
            zero_init_residual=kwargs.pop('zero_init_residual', False),
            init_cfg=init_cfg,
            **kwargs,
        )

    def make_res_layer(self, **kwargs: Any) -> ResLayer:
        """One stage, with the shortcut of its first block replaced."""
        layer = super().make_res_layer(**kwargs)
        first = layer[0]
        if first.downsample is not None:
            first.downsample = PaddedShortcut(
                first.in_channels, first.out_channels, first.stride
            )
        return layer
