"""Batched transforms: base class, random crop, flip, channel reversal and Cutout."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BatchedStep(nn.Module):
    """Base class of transforms that are applied to many images at once.

    Random choices are made on the host. They take milliseconds for a whole epoch, are
    the same on every device, and the host knows without synchronization how many images
    each operation applies to.

    Args:
        size: height and width of the input images in pixels.

    Attributes:
        out_size: height and width of the output images.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.out_size = size

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Make the random choices for ``count`` images: ``(count, K)`` integers."""
        raise NotImplementedError

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Transform images according to their random choices.

        Args:
            images: ``(N, C, H, W)`` uint8; may be modified in place.
            draws: ``(N, K)`` integers, as returned by :meth:`draw`.

        Returns:
            ``(N, C, *out_size)`` uint8.
        """
        raise NotImplementedError


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Copy an array to a device asynchronously."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == 'cuda':  # asynchronous copies require pinned memory
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class BatchedRandomCrop(BatchedStep):
    """torchvision's ``RandomCrop`` with constant padding.

    Args:
        size: height and width of the input images.
        out_size: height and width of the crops.
        padding: number of pixels to add to the left, top, right and bottom.
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
                f'Expected a crop no larger than the padded image, {height} x {width} '
                f'pixels, but got {out_size[0]} x {out_size[1]}.'
            )
        self.out_size = out_size
        self.padding = padding
        self.fill = fill
        self.offsets = (height - out_size[0] + 1, width - out_size[1] + 1)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw the top row and left column of each crop: ``(count, 2)``."""
        return rng.integers(self.offsets, size=(count, 2))

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Crop each image at its position."""
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


class BatchedHorizontalFlip(BatchedStep):
    """torchvision's ``RandomHorizontalFlip``.

    Args:
        size: height and width of the images.
        probability: probability of flipping an image.
    """

    def __init__(self, size: tuple[int, int], probability: float = 0.5) -> None:
        super().__init__(size)
        self.probability = probability

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw whether to flip each image: ``(count, 1)``, 0 or 1."""
        return (rng.random((count, 1)) < self.probability).astype(np.int64)

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Flip the images whose choice is 1."""
        flip = to_device(draws.astype(bool), images.device)
        return torch.where(flip[:, :, None, None], images.flip(3), images)


class ChannelReversal(BatchedStep):
    """Conversion from RGB to BGR or vice versa."""

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return an empty array, as there are no random choices: ``(count, 0)``."""
        return np.empty((count, 0), dtype=np.int64)

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Reverse the order of the channels."""
        return images.flip(1)


class BatchedCutout(BatchedStep):
    """``mmgala.Cutout`` for batches: erase a square around a random pixel.

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
        """Draw the row and column of each centre: ``(count, 2)``."""
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
        position = torch.arange(length, device=first.device)
        return (position >= first[:, None]) & (position < first[:, None] + self.hole)
