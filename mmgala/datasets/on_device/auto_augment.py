"""AutoAugment's policy for CIFAR, for batches."""

import numpy as np
from torch import Tensor

from mmgala.datasets.on_device.operations import NOTHING, BatchedOperations, Variant
from mmgala.datasets.on_device.step import BatchedStep
from mmgala.datasets.transforms.cifar_auto_augment import POLICY, SIGNED, strength

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
