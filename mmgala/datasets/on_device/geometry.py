"""PIL's translations, rotations and shears for batches.

All modules map ``(N, C, H, W)`` uint8 images to the same shape and reproduce PIL's
pixels. A module holds several variants of its operations; ``which``, ``(N,)`` int64,
is the index of the variant for each image.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from mmgala.datasets.transforms.cifar_auto_augment import SIGNED, UNSIGNED

TAPS = (-1, 0, 1, 2)  # offsets of the neighbours used by cubic interpolation


class NearestNeighbourWarps(nn.Module):
    """Translations and rotations with nearest-neighbour interpolation.

    Source pixels are computed by PIL, by applying it to an image of pixel indices.

    Args:
        variants: operations and their values.
        size: height and width of the images.
        fill: grey level of pixels from outside the image.
    """

    sources: Tensor

    def __init__(
        self,
        variants: Sequence[tuple[str, float]],
        size: tuple[int, int],
        fill: int,
    ) -> None:
        super().__init__()
        self.fill = fill
        sources = [_sources(name, value, size) for name, value in variants]
        self.register_buffer('sources', torch.from_numpy(np.stack(sources)))

    def forward(self, images: Tensor, which: Tensor) -> Tensor:
        """Warp each image by its variant."""
        pixels = F.pad(images.flatten(2), (0, 1), value=self.fill)
        sources = self.sources[which][:, None].expand(-1, images.shape[1], -1)
        return pixels.gather(2, sources).view_as(images)


def _sources(operation: str, value: float, size: tuple[int, int]) -> np.ndarray:
    """Index of the source of each pixel, H * W if outside: ``(H * W,)`` int64."""
    outside = math.prod(size)
    indices = Image.fromarray(np.arange(outside, dtype=np.int32).reshape(size))
    moved = {**SIGNED, **UNSIGNED}[operation](indices, value, outside)
    return np.array(moved, dtype=np.int64).ravel()


class BicubicShears(nn.Module):
    """Shears with PIL's bicubic interpolation.

    Pixels stay in their row or column, so one-dimensional interpolation is enough. It
    uses PIL's cubic polynomial (a = -1) and order of operations, in double precision.

    Args:
        variants: ``'ShearX'`` or ``'ShearY'``, and slopes.
        size: height and width of the images.
        fill: grey level of pixels from outside the image.
    """

    taps: Tensor
    fraction: Tensor
    outside: Tensor

    def __init__(
        self,
        variants: Sequence[tuple[str, float]],
        size: tuple[int, int],
        fill: int,
    ) -> None:
        super().__init__()
        self.fill = fill
        shears = [_shear(name == 'ShearX', slope, size) for name, slope in variants]
        for name, values in zip(
            ('taps', 'fraction', 'outside'), zip(*shears, strict=True), strict=True
        ):
            self.register_buffer(name, torch.from_numpy(np.stack(values)))

    def forward(self, images: Tensor, which: Tensor) -> Tensor:
        """Shear each image by its variant."""
        channels = images.shape[1]
        taps = self.taps[which][:, None].expand(-1, channels, -1)
        pixels = images.flatten(2).gather(2, taps).double()
        before, left, right, after = pixels.chunk(len(TAPS), dim=2)
        x = self.fraction[which][:, None]
        linear = right - before
        square = 2 * (before - left) + right - after
        cube = left - before - right + after
        value = left + x * (linear + x * (square + x * cube))
        sheared = value.clamp(0, 255).to(torch.uint8)  # truncated, as in PIL
        sheared.masked_fill_(self.outside[which][:, None], self.fill)
        return sheared.view_as(images)


def _shear(
    along_x: bool, slope: float, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources of the pixels of a sheared image.

    Returns:
        Indices of the four pixels that each is interpolated from, ``(4 * H * W,)``
        int64; its position between the second and the third, ``(H * W,)`` float64 in
        [0, 1); and whether it lies outside the image, ``(H * W,)`` bool.
    """
    rows, columns = np.indices(size)
    moving, other = (columns, rows) if along_x else (rows, columns)
    length = size[along_x]
    # Transform the centres of the pixels.
    position = (moving + 0.5) + slope * (other + 0.5)
    outside = (position < 0) | (position >= length)
    position -= 0.5
    first = np.floor(position).astype(np.int64)
    taps = []
    for tap in TAPS:
        place = np.clip(first + tap, 0, length - 1)
        source = (other, place) if along_x else (place, other)
        taps.append(np.ravel_multi_index(source, size).ravel())
    return np.concatenate(taps), (position - first).ravel(), outside.ravel()
