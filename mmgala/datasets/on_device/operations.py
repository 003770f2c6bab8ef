"""All operations of AutoAugment, each on those images of a batch that need it."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from mmgala.datasets.on_device.colour import (
    Blends,
    LookUps,
    auto_contrast,
    equalize,
    grey,
    mean_grey,
    smooth,
)
from mmgala.datasets.on_device.geometry import BicubicShears, NearestMoves
from mmgala.datasets.on_device.step import to_device

NOTHING = -1  # instead of the number of a variant
Variant = tuple[str, float]

LOOK_UPS = ('Posterize', 'Solarize', 'Invert', 'Brightness')
MOVES = ('TranslateX', 'TranslateY', 'Rotate')
SHEARS = ('ShearX', 'ShearY')
BLENDS = {'Color': grey, 'Contrast': mean_grey, 'Sharpness': smooth}
STRETCHES = {'AutoContrast': auto_contrast, 'Equalize': equalize}
# Operations that are calculated together have one name.
TOGETHER = {
    **dict.fromkeys(LOOK_UPS, 'look-up'),
    **dict.fromkeys(MOVES, 'move'),
    **dict.fromkeys(SHEARS, 'shear'),
    **{name: name for name in (*BLENDS, *STRETCHES)},
}


class Stretches(nn.Module):
    """Operations without a value."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.operation = STRETCHES[name]

    def forward(self, images: Tensor, which: Tensor) -> Tensor:
        """Apply the operation; it has one variant only."""
        return self.operation(images)


class BatchedOperations(nn.Module):
    """Apply to each image of a batch one of several operations, or none.

    Args:
        variants: operations and their values, as in
            :mod:`mmgala.datasets.transforms.cifar_auto_augment`.
        size: height and width of the images.
        fill: grey level of pixels from outside the image.
    """

    def __init__(
        self, variants: Sequence[Variant], size: tuple[int, int], fill: int
    ) -> None:
        super().__init__()
        names = np.array([TOGETHER[name] for name, _ in variants])
        self.members = [np.flatnonzero(names == name) for name in np.unique(names)]
        self.groups = nn.ModuleList(
            _build([variants[member] for member in members], size, fill)
            for members in self.members
        )

    def forward(self, images: Tensor, variants: np.ndarray) -> Tensor:
        """Change images in place.

        Args:
            images: ``(N, 3, H, W)`` uint8, RGB.
            variants: ``(N,)`` numbers of variants, or ``NOTHING``.

        Returns:
            ``images``.
        """
        rows, which, sizes = self._sorted(variants)
        # One copy for all: on a GPU, each would cost as much.
        both = to_device(np.stack([rows, which]), images.device).split(sizes, dim=1)
        for group, (chosen, variant) in zip(self.groups, both, strict=True):
            if len(chosen):
                images.index_copy_(0, chosen, group(images[chosen], variant))
        return images

    def _sorted(self, variants: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Images and their variants' numbers within the group, group by group."""
        rows, which = [], []
        for members in self.members:
            place = np.searchsorted(members, variants).clip(max=len(members) - 1)
            chosen = np.flatnonzero(members[place] == variants)
            rows.append(chosen)
            which.append(place[chosen])
        sizes = [len(chosen) for chosen in rows]
        return np.concatenate(rows), np.concatenate(which), sizes


def _build(variants: list[Variant], size: tuple[int, int], fill: int) -> nn.Module:
    """Module for variants that are calculated together."""
    name = variants[0][0]
    if name in LOOK_UPS:
        return LookUps(variants)
    if name in MOVES:
        return NearestMoves(variants, size, fill)
    if name in SHEARS:
        return BicubicShears(variants, size, fill)
    if name in BLENDS:
        return Blends(BLENDS[name], [1 + value for _, value in variants])
    return Stretches(name)
