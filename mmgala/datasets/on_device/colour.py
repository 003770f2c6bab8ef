"""PIL's colour operations for batches.

All modules, and the functions without a documented shape, map ``(N, C, H, W)`` uint8
images to the same shape and reproduce PIL's pixels. A module holds several variants of
its operations; ``which``, ``(N,)`` int64, is the index of the variant for each image.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mmgala.datasets.transforms.cifar_auto_augment import SIGNED, UNSIGNED

LEVELS = 256
RED, GREEN, BLUE = 19595, 38470, 7471  # PIL's luma weights, in units of 1/65536


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
