"""Run parts of built pipelines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

RUNS = 200


def names(pipeline: Any) -> list[str]:
    """Types of a pipeline's steps; torchvision's are in an attribute ``t``."""
    return [type(getattr(step, 't', step)).__name__ for step in pipeline.transforms]


def apply(steps: Sequence[Any], image: np.ndarray) -> np.ndarray:
    """What a part of a pipeline makes of an image: ``(H, W, 3)``, or packed."""
    results = dict(img=image, img_shape=image.shape[:2], gt_label=0)
    for step in steps:
        results = step(results)
    if 'inputs' in results:
        return results['inputs'].numpy()
    return np.asarray(results['img'])


def halves(size: int) -> np.ndarray:
    """Square image with a dark left and a bright right half."""
    image = np.full((size, size, 3), 50, dtype=np.uint8)
    image[:, size // 2 :] = 200
    return image


def count_flips(steps: Sequence[Any], image: np.ndarray) -> int:
    """How often of ``RUNS`` the left side of :func:`halves` ends as the right one."""
    flips = 0
    for _ in range(RUNS):
        row = apply(steps, image).mean(axis=(0, 2))
        flips += bool(row[0] > row[-1])
    return flips
