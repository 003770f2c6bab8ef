"""CIFAR-10 and CIFAR-100 as their configs read them, with few generated images."""

from pathlib import Path

import numpy as np

from tests.miniatures import COUNTS, NUM_TEST, picture


def write_cifar(root: Path, per_class: int = 120) -> Path:
    """NumPy files of six classes.

    Returns:
        ``root``.
    """
    labels = np.repeat(np.arange(len(COUNTS)), per_class)
    _write_part(root, 'train', np.random.default_rng(0).permutation(labels))
    _write_part(root, 'test', np.tile(np.arange(len(COUNTS)), NUM_TEST), seed=1000)
    names = (f'class_{label}\n' for label in range(len(COUNTS)))
    (root / 'classes.txt').write_text(''.join(names))
    return root


def _write_part(root: Path, part: str, labels: np.ndarray, seed: int = 0) -> None:
    root.mkdir(parents=True, exist_ok=True)
    images = [picture(label, seed + i, (32, 32)) for i, label in enumerate(labels)]
    np.save(root / f'{part}_images.npy', np.stack(images))
    np.save(root / f'{part}_labels.npy', labels)
