"""PIL's operations on the colours of images, for batches.

Every function and module takes ``(N, C, H, W)`` uint8 images and returns the same, with
the pixels that PIL gives. Modules have several variants of an operation, and take the
number of the variant for each image as ``(N,)`` int64.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mmgala.datasets.transforms.cifar_auto_augment import SIGNED, UNSIGNED

LEVELS = 256
RED, GREEN, BLUE = 19595, 38470, 7471  # PIL's weights of grey, of 65536


class LookUps(nn.Module):
    """Operations whose result depends on the grey level alone.

    PIL itself fills the tables, from an image that has every level once.

    Args:
        variants: operations and their values.
    """

    tables: Tensor

    def __init__(self, variants: Sequence[tuple[str, float]]) -> None:
        super().__init__()
        ramp = Image.fromarray(np.arange(LEVELS, dtype=np.uint8)[None])
        operations = {**SIGNED, **UNSIGNED}
        tables = [
            np.array(operations[name](ramp, value, 0)) for name, value in variants
        ]
        self.register_buffer('tables', torch.from_numpy(np.concatenate(tables)))

    def forward(self, images: Tensor, which: Tensor) -> Tensor:
        """Replace each level by that in the table of the image's variant."""
        levels = images.flatten(1).long()
        return self.tables[which].gather(1, levels).view_as(images)


class Blends(nn.Module):
    """PIL's enhancements: between an image and a version of it that lacks something.

    Args:
        without: makes that version, as integers.
        factors: one a variant; 0 gives that version, 1 the image.
    """

    factors: Tensor

    def __init__(
        self, without: Callable[[Tensor], Tensor], factors: Sequence[float]
    ) -> None:
        super().__init__()
        self.without = without
        # PIL calculates in single precision, too.
        self.register_buffer('factors', torch.tensor(factors, dtype=torch.float32))

    def forward(self, images: Tensor, which: Tensor) -> Tensor:
        """Blend each image by the factor of its variant."""
        start = self.without(images).float()
        factor = self.factors[which].view(-1, 1, 1, 1)
        blend = start + factor * (images.float() - start)
        return blend.clamp(0, LEVELS - 1).to(torch.uint8)  # fractions are dropped


def grey(images: Tensor) -> Tensor:
    """Grey level of each pixel of RGB images: ``(N, 1, H, W)`` int32."""
    red, green, blue = images.int().split(1, dim=1)
    return (RED * red + GREEN * green + BLUE * blue + 0x8000) >> 16


def mean_grey(images: Tensor) -> Tensor:
    """Mean grey level of each image, rounded: ``(N, 1, 1, 1)`` int64."""
    levels = grey(images)
    count = levels[0].numel()
    return (2 * levels.sum((2, 3), keepdim=True) + count) // (2 * count)


def smooth(images: Tensor) -> Tensor:
    """PIL's ``SMOOTH``: weights 1, in the centre 5, of 13; borders stay."""
    wide = images.short()
    rows = wide[..., :-2, :] + wide[..., 1:-1, :] + wide[..., 2:, :]
    around = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    total = around + 4 * wide[..., 1:-1, 1:-1]
    wide[..., 1:-1, 1:-1] = (2 * total + 13) // 26
    return wide


def auto_contrast(images: Tensor) -> Tensor:
    """Stretch each channel of each image to all grey levels."""
    levels = images.flatten(2).double()
    low, high = levels.amin(2, keepdim=True), levels.amax(2, keepdim=True)
    # A number over a tensor would be multiplied by the reciprocal, which PIL is not.
    scale = torch.full_like(low, LEVELS - 1) / (high - low).clamp(min=1)
    stretched = (levels * scale + -low * scale).clamp(0, LEVELS - 1)
    return torch.where(high > low, stretched, levels).to(torch.uint8).view_as(images)


def equalize(images: Tensor) -> Tensor:
    """Spread each channel of each image evenly over the grey levels."""
    levels = images.flatten(0, 1).flatten(1).long()
    histogram = _histogram(levels)
    brightest = histogram.gather(1, levels.amax(1, keepdim=True))
    step = (levels.shape[1] - brightest) // (LEVELS - 1)
    below = histogram.cumsum(1) - histogram
    table = (step // 2 + below) // step.clamp(min=1)
    same = torch.arange(LEVELS, device=images.device)
    table = torch.where(step > 0, table.clamp(max=LEVELS - 1), same)
    return table.gather(1, levels).to(torch.uint8).view_as(images)


def _histogram(levels: Tensor) -> Tensor:
    """How often each level is in each row: ``(M, P)`` int64 to ``(M, 256)`` int64."""
    rows = len(levels)
    first = LEVELS * torch.arange(rows, device=levels.device)
    # In one dimension, PyTorch's deterministic mode knows it on the GPU, too.
    bins = (levels + first[:, None]).flatten()
    counts = torch.zeros(rows * LEVELS, dtype=torch.int64, device=levels.device)
    return counts.scatter_add_(0, bins, torch.ones_like(bins)).view(rows, LEVELS)
