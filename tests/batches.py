"""Random inputs of the tests; nothing here knows a formula."""

import torch
from torch import Tensor


def random_logits(
    num_samples: int, num_classes: int, seed: int = 0, scale: float = 2.0
) -> Tensor:
    """Float64 logits, ``(N, C)``."""
    generator = torch.Generator().manual_seed(seed)
    shape = (num_samples, num_classes)
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


def random_target(
    kind: str, num_samples: int, num_classes: int, seed: int = 1
) -> Tensor:
    """Class indices (``'hard'``) or mixtures of two labels (``'soft'``), float64."""
    generator = torch.Generator().manual_seed(seed)
    shape = (2, num_samples)
    first, second = torch.randint(num_classes, shape, generator=generator)
    if kind == 'hard':
        return first
    share = torch.rand(num_samples, 1, generator=generator, dtype=torch.float64)
    return share * one_hot(first, num_classes) + (1 - share) * one_hot(
        second, num_classes
    )


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Float64 one-hot labels, ``(N, C)``."""
    return torch.eye(num_classes, dtype=torch.float64)[labels]


def random_statistics(num_classes: int, seed: int = 2) -> tuple[Tensor, Tensor]:
    """Two different float64 statistics from 0 to hundreds, ``(C,)`` each."""
    generator = torch.Generator().manual_seed(seed)
    shape = (2, num_classes)
    pos, neg = torch.rand(shape, generator=generator, dtype=torch.float64) ** 4 * 500
    pos[0] = 0.0  # a class that was not seen yet
    return pos, neg
