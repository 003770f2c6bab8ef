"""Files in the format of Fashion-MNIST, with a few made-up items of each kind."""

import numpy as np

SPLITS = {'train': 'train', 'test': 't10k'}


def write_idx(path, array):
    """Write an array of bytes in LeCun's IDX format."""
    head = [0, 0, 8, array.ndim]
    shape = np.array(array.shape, '>i4').tobytes()
    path.write_bytes(bytes(head) + shape + array.astype(np.uint8).tobytes())


def tiny_fashion_mnist(folder, per_kind=60, seed=0):
    """Write unpacked files; the items are rectangles with a dark spot.

    Returns:
        ``folder``.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    labels = rng.permutation(np.repeat(np.arange(10), per_kind))
    for name in SPLITS.values():
        images = np.zeros((len(labels), 28, 28), np.uint8)
        for image in images:
            top, left = rng.integers(1, 6, 2)
            bottom, right = rng.integers(20, 27, 2)
            image[top:bottom, left:right] = rng.integers(80, 255)
            image[11:15, 12:16] = 0
        write_idx(folder / f'{name}-images-idx3-ubyte', images)
        write_idx(folder / f'{name}-labels-idx1-ubyte', labels)
    return folder
