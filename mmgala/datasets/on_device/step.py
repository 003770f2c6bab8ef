"""What the batched transforms have in common."""

import numpy as np
import torch
from torch import Tensor, nn


class BatchedStep(nn.Module):
    """One transform of a pipeline, applied to many images at once; base class.

    Random choices are made on the host: a whole epoch takes milliseconds there, they
    are the same on every device, and how many images need which operation is known
    without waiting for the device.

    Args:
        size: height and width of the images that come in, in pixels.

    Attributes:
        out_size: height and width of the images that go out.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.out_size = size

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Make the random choices for a number of images: ``(count, K)`` integers."""
        raise NotImplementedError

    def forward(self, images: Tensor, draws: np.ndarray) -> Tensor:
        """Transform images according to their choices.

        Args:
            images: ``(N, C, H, W)`` uint8. They may be changed in place.
            draws: ``(N, K)`` integers, as :meth:`draw` makes them.

        Returns:
            ``(N, C, *out_size)`` uint8.
        """
        raise NotImplementedError


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Copy an array to a device, without waiting for it."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == 'cuda':  # only pinned memory is copied asynchronously
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
