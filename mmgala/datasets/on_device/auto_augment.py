"""Batched AutoAugment with the policy for CIFAR."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from mmgala.datasets.on_device.operations import (
    BicubicShears,
    Enhancements,
    LookupTables,
    NearestNeighbourWarps,
    auto_contrast,
    equalize,
    grey_levels,
    mean_grey_level,
    smooth,
)
from mmgala.datasets.on_device.transforms import BatchedStep, to_device
from mmgala.datasets.transforms.auto_augment import CIFAR_POLICY, SIGNED, magnitude

Variant = tuple[str, float]  # an operation and its value
NO_OPERATION = -1  # in place of the index of a variant

TABLE_OPERATIONS = ('Posterize', 'Solarize', 'Invert', 'Brightness')
WARPS = ('TranslateX', 'TranslateY', 'Rotate')
SHEARS = ('ShearX', 'ShearY')
# The degenerate image of each enhancement, which a factor of 0 gives.
ENHANCEMENTS = {'Color': grey_levels, 'Contrast': mean_grey_level, 'Sharpness': smooth}
WITHOUT_VALUE = {'AutoContrast': auto_contrast, 'Equalize': equalize}
# Operations of one group are computed in one call.
OPERATION_GROUPS = {
    **dict.fromkeys(TABLE_OPERATIONS, 'table'),
    **dict.fromkeys(WARPS, 'warp'),
    **dict.fromkeys(SHEARS, 'shear'),
    **{name: name for name in (*ENHANCEMENTS, *WITHOUT_VALUE)},
}


def _variants_of_policy() -> list[list[tuple[Variant, Variant]]]:
    """Variants for each sub-policy (25), step (2) and sign (negative, positive)."""
    return [
        [
            ((name, -magnitude(name, level)), (name, magnitude(name, level)))
            if name in SIGNED
            else ((name, magnitude(name, level)),) * 2
            for name, _, level in steps
        ]
        for steps in CIFAR_POLICY
    ]


POLICY_VARIANTS = _variants_of_policy()
STEP_VARIANTS: list[Variant] = sorted(
    {variant for steps in POLICY_VARIANTS for pair in steps for variant in pair}
)
POLICY_INDICES = np.array(
    [
        [[STEP_VARIANTS.index(variant) for variant in pair] for pair in steps]
        for steps in POLICY_VARIANTS
    ]
)
STEP_PROBABILITIES = np.array([[step[1] for step in steps] for steps in CIFAR_POLICY])


class BatchedCIFARAutoAugment(BatchedStep):
    """``mmgala.CIFARAutoAugment`` for batches: up to two random operations per image.

    Args:
        size: height and width of the images.
        fill: grey level of pixels from outside the image.
    """

    def __init__(self, size: tuple[int, int], fill: int = 128) -> None:
        super().__init__(size)
        self.operations = BatchedOperations(STEP_VARIANTS, size, fill)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw two operations per image.

        Returns:
            ``(count, 2)`` indices of ``STEP_VARIANTS``, or ``NO_OPERATION``.
        """
        policy = rng.integers(len(CIFAR_POLICY), size=count)
        sign = rng.integers(2, size=(count, 2))
        applied = rng.random((count, 2)) < STEP_PROBABILITIES[policy]
        indices = POLICY_INDICES[policy[:, None], [0, 1], sign]
        return np.where(applied, indices, NO_OPERATION)

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Apply its first and then its second operation to each image."""
        for variants in draws.T:
            images = self.operations(images, variants)
        return images


class BatchedOperations(nn.Module):
    """Apply one of several operations, or none, to each image of a batch.

    Args:
        variants: operations and their values, as in
            :mod:`mmgala.datasets.transforms.auto_augment`.
        size: height and width of the images.
        fill: grey level of pixels from outside the image.
    """

    def __init__(
        self, variants: Sequence[Variant], size: tuple[int, int], fill: int
    ) -> None:
        super().__init__()
        groups = np.array([OPERATION_GROUPS[name] for name, _ in variants])
        self.group_variants = [
            np.flatnonzero(groups == group) for group in np.unique(groups)
        ]
        self.groups = nn.ModuleList(
            _build_group([variants[index] for index in indices], size, fill)
            for indices in self.group_variants
        )

    def forward(self, images: Tensor, variants: np.ndarray) -> Tensor:
        """Transform images in place.

        Args:
            images: ``(N, 3, H, W)`` uint8, RGB.
            variants: ``(N,)`` index of the variant of each image, or ``NO_OPERATION``.

        Returns:
            ``images``.
        """
        rows, indices, sizes = self._sort_by_group(variants)
        # One transfer for all groups: on a GPU, each transfer costs as much as this.
        both = to_device(np.stack([rows, indices]), images.device).split(sizes, dim=1)
        for group, (group_rows, group_indices) in zip(self.groups, both, strict=True):
            if len(group_rows):
                images.index_copy_(
                    0, group_rows, group(images[group_rows], group_indices)
                )
        return images

    def _sort_by_group(
        self, variants: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Sort images by group.

        Returns:
            Indices of the images; for each, the index of its variant within the group;
            and the number of images in each group.
        """
        rows, indices = [], []
        for members in self.group_variants:
            index = np.searchsorted(members, variants).clip(max=len(members) - 1)
            selected = np.flatnonzero(members[index] == variants)
            rows.append(selected)
            indices.append(index[selected])
        sizes = [len(selected) for selected in rows]
        return np.concatenate(rows), np.concatenate(indices), sizes


def _build_group(
    variants: list[Variant], size: tuple[int, int], fill: int
) -> nn.Module:
    """Build the module that computes the variants of one group."""
    name = variants[0][0]
    if name in TABLE_OPERATIONS:
        return LookupTables(variants)
    if name in WARPS:
        return NearestNeighbourWarps(variants, size, fill)
    if name in SHEARS:
        return BicubicShears(variants, size, fill)
    if name in ENHANCEMENTS:
        return Enhancements(ENHANCEMENTS[name], [1 + value for _, value in variants])
    return OperationWithoutValue(name)


class OperationWithoutValue(nn.Module):
    """An operation that has a single variant: ``AutoContrast`` or ``Equalize``.

    Args:
        name: name of the operation.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.operation = WITHOUT_VALUE[name]

    def forward(self, images: Tensor, which: Tensor) -> Tensor:
        """Apply the operation; ``which`` is always zero."""
        return self.operation(images)
