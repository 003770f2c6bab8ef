"""Fashion-MNIST items for the collages, each of which is used once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmgala.datasets.readers.fashion_mnist import read_fashion_mnist

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


class Stock:
    """Items of one split of Fashion-MNIST, each taken once in random order.

    Args:
        images: ``(N, 28, 28)`` uint8.
        labels: ``(N,)`` kinds of item.
        seed: seed of the order.
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
        """Check that there are enough items.

        Args:
            wanted: required number of items of each kind, ``(10,)``.
            split: split of Fashion-MNIST, for the error message.

        Raises:
            ValueError: if there are too few items of a kind.
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
        root: folder with the unpacked files of Fashion-MNIST.
        split: ``'train'`` or ``'test'``.
        seed: seed of the order in which items are taken.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, or is not a Fashion-MNIST file.
    """
    return Stock(*read_fashion_mnist(root, split), seed)
