"""The unpacked files of Fashion-MNIST, read and checked."""

from os import PathLike
from pathlib import Path

import numpy as np

FILES = {'train': 'train', 'test': 't10k'}
_HOW_TO_GET_IT = '"python tools/prepare_data.py fashion-mnist" gets Fashion-MNIST.'


def read_fashion_mnist(
    root: str | PathLike[str], part: str
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels, in the order of the files.

    Args:
        root: folder with the files.
        part: ``'train'`` or ``'test'``.

    Returns:
        ``(N, 28, 28)`` uint8 and ``(N,)`` uint8, from 0 to 9.

    Raises:
        FileNotFoundError: if a file is missing. Nothing is downloaded.
        ValueError: if a file is damaged, or no file of Fashion-MNIST.
    """
    images = _read(Path(root) / f'{FILES[part]}-images-idx3-ubyte')
    labels = _read(Path(root) / f'{FILES[part]}-labels-idx1-ubyte')
    if (
        images.shape[1:] != (28, 28)
        or labels.shape != images.shape[:1]
        or labels.max(initial=0) > 9
    ):
        raise ValueError(
            f'The {part} files in {root} are not those of Fashion-MNIST: images of '
            f'shape {images.shape}, labels of shape {labels.shape} up to '
            f'{labels.max(initial=0)}. {_HOW_TO_GET_IT}'
        )
    return images, labels


def _read(path: Path) -> np.ndarray:
    # Imported when it is needed: it takes seconds.
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist. {_HOW_TO_GET_IT}')
    try:
        return read_sn3_pascalvincent_tensor(str(path)).numpy()
    except (AssertionError, ValueError, RuntimeError, IndexError, TypeError) as error:
        raise ValueError(
            f'{path} is damaged, or no file of Fashion-MNIST. {_HOW_TO_GET_IT}'
        ) from error
