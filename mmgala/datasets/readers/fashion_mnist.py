"""Reader of the unpacked files of Fashion-MNIST."""

from os import PathLike
from pathlib import Path

import numpy as np

PREFIXES = {'train': 'train', 'test': 't10k'}
_HOW_TO_GET_IT = 'Get Fashion-MNIST with "mmgala prepare fashion-mnist".'


def read_fashion_mnist(
    root: str | PathLike[str], part: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels in their original order.

    Args:
        root: folder that contains the files; they are not downloaded.
        part: ``'train'`` or ``'test'``.

    Returns:
        ``(N, 28, 28)`` uint8 images, and ``(N,)`` uint8 labels from 0 to 9.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, or is not a Fashion-MNIST file.
    """
    images = _read(Path(root) / f'{PREFIXES[part]}-images-idx3-ubyte')
    labels = _read(Path(root) / f'{PREFIXES[part]}-labels-idx1-ubyte')
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
    # Imported late, as it takes seconds.
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist. {_HOW_TO_GET_IT}')
    try:
        return read_sn3_pascalvincent_tensor(str(path)).numpy()
    except (AssertionError, ValueError, RuntimeError, IndexError, TypeError) as error:
        raise ValueError(
            f'{path} is damaged, or not a Fashion-MNIST file. {_HOW_TO_GET_IT}'
        ) from error
