"""ResNet for CIFAR in plain PyTorch, from section 4.2 of He et al. 2016 alone.

Shares no code with the package or MMPretrain, only the usual names of the layers, so
that weights can be copied. Stages and shortcuts are written out.
"""

import torch
import torch.nn.functional as F
from torch import nn


def shortcut(x, out_channels):
    """Option A: every second pixel; half of the new channels on either side, zero."""
    if x.shape[1] == out_channels:
        return x
    kept = F.max_pool2d(x, kernel_size=1, stride=2)
    num_samples, _, height, width = kept.shape
    zeros = torch.zeros(
        num_samples, (out_channels - x.shape[1]) // 2, height, width, dtype=x.dtype
    )
    return torch.cat([zeros, kept, zeros], dim=1)


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        stride = 1 if in_channels == out_channels else 2
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        """From ``(N, in_channels, H, W)``."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return torch.relu(out + shortcut(x, out.shape[1]))


class ResNet32(nn.Module):
    """5 + 5 + 5 blocks of 16, 32 and 64 channels, without the classifier."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*[Block(16, 16) for _ in range(5)])
        self.layer2 = nn.Sequential(Block(16, 32), *[Block(32, 32) for _ in range(4)])
        self.layer3 = nn.Sequential(Block(32, 64), *[Block(64, 64) for _ in range(4)])

    def forward(self, images):
        """From ``(N, 3, 32, 32)`` to ``(N, 64, 8, 8)``."""
        out = torch.relu(self.bn1(self.conv1(images)))
        return self.layer3(self.layer2(self.layer1(out)))
