"""AutoAugment's policy for CIFAR, for batches."""

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
from mmgala.datasets.on_device.transforms import BatchedStep, to_device
from mmgala.datasets.transforms.cifar_auto_augment import POLICY, SIGNED, strength

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


# Of each sub-policy (25), step (2) and sign (2): operation and value.
CHOICES: list[list[tuple[Variant, Variant]]] = [
    [
        ((name, -strength(name, level)), (name, strength(name, level)))
        if name in SIGNED
        else ((name, strength(name, level)),) * 2
        for name, _, level in steps
    ]
    for steps in POLICY
]
VARIANTS: list[Variant] = sorted(
    {v for steps in CHOICES for pair in steps for v in pair}
)
NUMBERS = np.array(
    [[[VARIANTS.index(v) for v in pair] for pair in steps] for steps in CHOICES]
)
PROBABILITIES = np.array([[step[1] for step in steps] for steps in POLICY])


class BatchedCIFARAutoAugment(BatchedStep):
    """``mmgala.CIFARAutoAugment``: two random operations, one after the other.

    Args:
        size: height and width of the images.
        fill: grey level of pixels from outside the image.
    """

    def __init__(self, size: tuple[int, int], fill: int = 128) -> None:
        super().__init__(size)
        self.operations = BatchedOperations(VARIANTS, size, fill)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw both operations: ``(count, 2)`` indices of ``VARIANTS``, or -1."""
        policy = rng.integers(len(POLICY), size=count)
        sign = rng.integers(2, size=(count, 2))
        applied = rng.random((count, 2)) < PROBABILITIES[policy]
        return np.where(applied, NUMBERS[policy[:, None], [0, 1], sign], NOTHING)

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Apply to each image its first operation, then its second."""
        for variants in draws.T:
            images = self.operations(images, variants)
        return images
