"""Images to transform: noise, and images that resemble photographs."""

import numpy as np
import torch


def noise(size=(32, 32), count=1, levels=(0, 256), seed=0):
    """Independent pixels, ``(count, H, W, 3)`` uint8."""
    rng = np.random.default_rng(seed)
    return rng.integers(*levels, (count, *size, 3), dtype=np.uint8)


def photograph(size=(32, 32), seed=0):
    """Coloured waves, an edge and a little noise: ``(H, W, 3)`` uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(size)[..., None] / max(size)
    slope, phase, middle = rng.uniform((2, 0, 70), (9, 6, 180), (3, 3)).T
    image = middle + 60 * np.sin(slope * x + phase) * np.cos(slope[::-1] * y)
    image += 40 * (x + 0.3 * y > rng.uniform(0.3, 0.9)) + rng.normal(0, 4, image.shape)
    return image.clip(0, 255).astype(np.uint8)


def pictures(size=(32, 32)):
    """One of each kind, ``(N, H, W, 3)`` uint8."""
    few_levels = np.array([3, 200, 201], dtype=np.uint8)[noise(size, 2) % 3]
    flat = np.full((1, *size, 3), 77, dtype=np.uint8)
    photographs = [photograph(size, seed) for seed in range(8)]
    kinds = [
        noise(size, 4), noise(size, 2, (90, 140)), few_levels, flat, photographs,
    ]  # fmt: skip
    return np.concatenate(kinds)


def to_batch(images):
    """``(N, H, W, C)`` array to ``(N, C, H, W)`` tensor."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def from_batch(tensor):
    """``(N, C, H, W)`` tensor to ``(N, H, W, C)`` array."""
    return tensor.permute(0, 2, 3, 1).numpy()
