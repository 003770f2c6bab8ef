"""Mirrored images, and exchanged colour channels."""

import numpy as np
import torch
from torch import Tensor

from mmgala.datasets.on_device.step import BatchedStep, to_device


class BatchedHorizontalFlip(BatchedStep):
    """torchvision's ``RandomHorizontalFlip``.

    Args:
        size: height and width of the images.
        probability: of a flip.
    """

    def __init__(self, size: tuple[int, int], probability: float = 0.5) -> None:
        super().__init__(size)
        self.probability = probability

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw whether to flip: ``(count, 1)``, 0 or 1."""
        return (rng.random((count, 1)) < self.probability).astype(np.int64)

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Flip the images whose turn it is."""
        flip = to_device(draws.astype(bool), images.device)
        return torch.where(flip[:, :, None, None], images.flip(3), images)


class ChannelReversal(BatchedStep):
    """RGB to BGR or back, for every image."""

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw nothing: ``(count, 0)``."""
        return np.empty((count, 0), dtype=np.int64)

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Reverse the channels."""
        return images.flip(1)
