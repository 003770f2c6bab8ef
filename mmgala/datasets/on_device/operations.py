"""PIL's operations for batches: colours, translations, rotations and shears.

All modules, and the functions without a documented shape, map ``(N, C, H, W)`` uint8
images to the same shape and reproduce PIL's pixels. A module holds several variants of
its operations; ``which``, ``(N,)`` int64, is the index of the variant for each image.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from mmgala.datasets.transforms.auto_augment import SIGNED, UNSIGNED

LEVELS = 256
RED, GREEN, BLUE = 19595, 38470, 7471  # PIL's luma weights, in units of 1/65536
TAPS = (-1, 0, 1, 2)  # offsets of the neighbours used by cubic interpolation


class LookupTables(nn.Module):
    """Operations that map each level independently of other pixels.

    The tables are computed by PIL from an image that contains every level once.

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
        """Look up each level in the table of the image's variant."""
        levels = images.flatten(1).long()
        return self.tables[which].gather(1, levels).view_as(images)


class Enhancements(nn.Module):
    """PIL's enhancements, which interpolate between a degenerate image and the image.

    Args:
        degenerate: function from images to their degenerate version, such as greyscale
            or blurred, as integers.
        factors: one factor per variant; 0 gives the degenerate image, 1 the original.
    """

    factors: Tensor

    def __init__(
        self, degenerate: Callable[[Tensor], Tensor], factors: Sequence[float]
    ) -> None:
        super().__init__()
        self.degenerate = degenerate
        # PIL, too, computes in single precision.
        self.register_buffer('factors', torch.tensor(factors, dtype=torch.float32))

    def forward(self, images: Tensor, which: Tensor) -> Tensor:
        """Enhance each image by the factor of its variant."""
        start = self.degenerate(images).float()
        factor = self.factors[which].view(-1, 1, 1, 1)
        blend = start + factor * (images.float() - start)
        return blend.clamp(0, LEVELS - 1).to(torch.uint8)  # truncated, as in PIL


def grey_levels(images: Tensor) -> Tensor:
    """Greyscale version of RGB images: ``(N, 1, H, W)`` int32."""
    red, green, blue = images.int().split(1, dim=1)
    return (RED * red + GREEN * green + BLUE * blue + 0x8000) >> 16


def mean_grey_level(images: Tensor) -> Tensor:
    """Mean grey level of RGB images, rounded: ``(N, 1, 1, 1)`` int64."""
    levels = grey_levels(images)
    count = levels[0].numel()
    return (2 * levels.sum((2, 3), keepdim=True) + count) // (2 * count)


def smooth(images: Tensor) -> Tensor:
    """PIL's ``SMOOTH``: a 3 x 3 filter, 5/13 centre and 1/13 elsewhere, int16.

    Border pixels stay unchanged.
    """
    wide = images.short()
    rows = wide[..., :-2, :] + wide[..., 1:-1, :] + wide[..., 2:, :]
    around = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    total = around + 4 * wide[..., 1:-1, 1:-1]
    wide[..., 1:-1, 1:-1] = (2 * total + 13) // 26
    return wide


def auto_contrast(images: Tensor) -> Tensor:
    """Stretch each channel of each image to the full range of levels."""
    levels = images.flatten(2).double()
    low, high = levels.amin(2, keepdim=True), levels.amax(2, keepdim=True)
    # Tensor by tensor: PyTorch multiplies a scalar by the reciprocal, unlike PIL.
    scale = torch.full_like(low, LEVELS - 1) / (high - low).clamp(min=1)
    stretched = (levels * scale + -low * scale).clamp(0, LEVELS - 1)
    return torch.where(high > low, stretched, levels).to(torch.uint8).view_as(images)


def equalize(images: Tensor) -> Tensor:
    """Equalize the histogram of each channel of each image."""
    levels = images.flatten(0, 1).flatten(1).long()
    histogram = _histogram(levels)
    brightest = histogram.gather(1, levels.amax(1, keepdim=True))
    step = (levels.shape[1] - brightest) // (LEVELS - 1)
    below = histogram.cumsum(1) - histogram
    table = (step // 2 + below) // step.clamp(min=1)
    identity = torch.arange(LEVELS, device=images.device)
    table = torch.where(step > 0, table.clamp(max=LEVELS - 1), identity)
    return table.gather(1, levels).to(torch.uint8).view_as(images)


def _histogram(levels: Tensor) -> Tensor:
    """Histogram of each row: ``(M, P)`` int64 levels to ``(M, 256)`` int64 counts."""
    rows = len(levels)
    first = LEVELS * torch.arange(rows, device=levels.device)
    # One-dimensional, since deterministic mode supports only that on the GPU.
    bins = (levels + first[:, None]).flatten()
    counts = torch.zeros(rows * LEVELS, dtype=torch.int64, device=levels.device)
    return counts.scatter_add_(0, bins, torch.ones_like(bins)).view(rows, LEVELS)


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
