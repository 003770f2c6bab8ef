"""CIFAR-10 and CIFAR-100 in their form on disk, with few generated images."""

import pickle
from pathlib import Path

import numpy as np

from tests.miniatures import COUNTS, NUM_TEST, picture


def write_cifar(root: Path, num_classes: int, per_class: int = 120) -> Path:
    """CIFAR-10's or, where ``num_classes`` is 100, CIFAR-100's pickled batches.

    Only the first six classes have images.

    Returns:
        ``root``.
    """
    if num_classes == 100:
        folder, names, key = 'cifar-100-python', ['train'], 'fine_labels'
        test, meta, meta_key = 'test', 'meta', 'fine_label_names'
    else:
        folder, key = 'cifar-10-batches-py', 'labels'
        names = [f'data_batch_{number}' for number in range(1, 6)]
        test, meta, meta_key = 'test_batch', 'batches.meta', 'label_names'
    labels = np.repeat(np.arange(len(COUNTS)), per_class)
    labels = np.random.default_rng(0).permutation(labels)
    for part, name in zip(np.array_split(labels, len(names)), names, strict=True):
        _write_batch(root / folder / name, part.tolist(), key)
    _write_batch(root / folder / test, list(range(len(COUNTS))) * NUM_TEST, key, 1000)
    classes = {meta_key: [f'class_{label}' for label in range(num_classes)]}
    (root / folder / meta).write_bytes(pickle.dumps(classes, protocol=2))
    return root


def _write_batch(path: Path, labels: list[int], key: str, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [picture(label, seed + i, (32, 32)) for i, label in enumerate(labels)]
    # A row an image: all of red, then green, then blue.
    data = np.stack(images)[..., ::-1].transpose(0, 3, 1, 2).reshape(-1, 3072)
    batch = {'data': data, key: labels, 'filenames': [f'{i}.png' for i in labels]}
    path.write_bytes(pickle.dumps(batch, protocol=2))
