"""Cutout for batches."""

import numpy as np
import torch
from torch import Tensor

from mmgala.datasets.on_device.step import BatchedStep, to_device


class BatchedCutout(BatchedStep):
    """``mmgala.Cutout``: one square around a random pixel, clipped at all borders.

    Args:
        size: height and width of the images.
        hole: side of the square, in pixels.
        fill: grey level of the erased pixels.
    """

    def __init__(self, size: tuple[int, int], hole: int = 16, fill: int = 0) -> None:
        super().__init__(size)
        self.hole = hole
        self.fill = fill

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw row and column of the centre: ``(count, 2)``."""
        return rng.integers(self.size, size=(count, 2))

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Erase the square of each image."""
        first = to_device(draws - self.hole // 2, images.device)
        rows, columns = (
            self._covered(first[:, axis], self.size[axis]) for axis in (0, 1)
        )
        hole = rows[:, None, :, None] & columns[:, None, None, :]
        return images.masked_fill_(hole, self.fill)

    def _covered(self, first: Tensor, length: int) -> Tensor:
        """Whether the square covers each row or column: ``(N, length)`` bool."""
        place = torch.arange(length, device=first.device)
        return (place >= first[:, None]) & (place < first[:, None] + self.hole)
