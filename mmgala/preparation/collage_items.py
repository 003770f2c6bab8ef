"""Fashion-MNIST's items as stock that collages are made from: each is used once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

# In the order of Fashion-MNIST's labels.
KINDS = (
    't-shirt',
    'trouser',
    'pullover',
    'dress',
    'coat',
    'sandal',
    'shirt',
    'sneaker',
    'bag',
    'ankle boot',
)
FILES = {'train': 'train', 'test': 't10k'}
HOW_TO_GET_IT = (
    '"python tools/prepare_data.py fashion-mnist" gets Fashion-MNIST; --fashion-mnist '
    'names another folder that holds it.'
)


class Stock:
    """Items of one split of Fashion-MNIST in random order, taken once each.

    Args:
        images: ``(N, 28, 28)`` uint8.
        labels: ``(N,)``, kinds of item.
        seed: of the order.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, seed: int | list[int]
    ) -> None:
        self.images = images
        order = np.random.default_rng(seed).permutation(len(labels))
        self._of_kind = [order[labels[order] == kind] for kind in range(len(KINDS))]
        self._next: list[Iterator[int]] = [
            iter(some.tolist()) for some in self._of_kind
        ]

    def __len__(self) -> int:
        return len(self.images)

    def require(self, wanted: np.ndarray, split: str) -> None:
        """Check that there is enough.

        Args:
            wanted: items of each kind, ``(10,)``.
            split: of Fashion-MNIST, for the message.

        Raises:
            ValueError: if a kind has fewer.
        """
        for kind, (need, have) in enumerate(zip(wanted, self._of_kind, strict=True)):
            if need > len(have):
                raise ValueError(
                    f'The collages need {need} different items "{KINDS[kind]}", but '
                    f"Fashion-MNIST's {split} images have {len(have)}. Ask for fewer: "
                    'lower --max-images or --per-class.'
                )

    def take(self, kind: int) -> tuple[int, np.ndarray]:
        """The next item of a kind: its index in the split, and the image."""
        index = next(self._next[kind])
        return index, self.images[index]


def read_stock(root: Path, split: str, seed: int | list[int]) -> Stock:
    """Read the items of a split.

    Args:
        root: folder with Fashion-MNIST's unpacked files.
        split: ``'train'`` or ``'test'``.
        seed: of the order in which they are taken.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is not what it should be.
    """
    images = _read(root / f'{FILES[split]}-images-idx3-ubyte')
    labels = _read(root / f'{FILES[split]}-labels-idx1-ubyte')
    if images.ndim != 3 or labels.shape != images.shape[:1] or labels.max() > 9:
        raise ValueError(
            f'The {split} files in {root} are not those of Fashion-MNIST: images of '
            f'shape {images.shape}, labels of shape {labels.shape}. {HOW_TO_GET_IT}'
        )
    return Stock(images, labels, seed)


def _read(path: Path) -> np.ndarray:
    # Imported when it is needed: it takes seconds.
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist. {HOW_TO_GET_IT}')
    try:
        return read_sn3_pascalvincent_tensor(str(path)).numpy()
    except (AssertionError, ValueError, RuntimeError, IndexError, TypeError) as error:
        raise ValueError(
            f'{path} is damaged, or no file of Fashion-MNIST. {HOW_TO_GET_IT}'
        ) from error
