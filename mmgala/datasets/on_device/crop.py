"""Random crops of padded images."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mmgala.datasets.on_device.step import BatchedStep, to_device


class BatchedRandomCrop(BatchedStep):
    """torchvision's ``RandomCrop`` with constant padding.

    Args:
        size: height and width of the images that come in.
        out_size: height and width of the crops.
        padding: pixels to add at the left, top, right and bottom.
        fill: grey level of the padding.

    Raises:
        ValueError: if the crop is larger than the padded image.
    """

    def __init__(
        self,
        size: tuple[int, int],
        out_size: tuple[int, int],
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
        fill: int = 0,
    ) -> None:
        super().__init__(size)
        left, top, right, bottom = padding
        height, width = size[0] + top + bottom, size[1] + left + right
        if out_size[0] > height or out_size[1] > width:
            raise ValueError(
                f'Expected a crop of at most {height} x {width} pixels, the padded '
                f'image, but got {out_size[0]} x {out_size[1]}.'
            )
        self.out_size = out_size
        self.padding = padding
        self.fill = fill
        self.offsets = (height - out_size[0] + 1, width - out_size[1] + 1)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw the first row and the first column of each crop: ``(count, 2)``."""
        return rng.integers(self.offsets, size=(count, 2))

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Crop each image at its own place."""
        left, top, right, bottom = self.padding
        padded = F.pad(images, (left, right, top, bottom), value=self.fill)
        device = images.device
        first = to_device(draws, device)
        rows = first[:, :1] + torch.arange(self.out_size[0], device=device)
        columns = first[:, 1:] + torch.arange(self.out_size[1], device=device)
        image = torch.arange(len(images), device=device)
        channel = torch.arange(images.shape[1], device=device)
        return padded[
            image[:, None, None, None],
            channel[:, None, None],
            rows[:, None, :, None],
            columns[:, None, None, :],
        ]
