"""Pairs of Fashion-MNIST items: 100 classes that train in minutes."""

from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset, FashionMNIST

from mmgala.datasets.image_dataset import SPLITS, check_split
from mmgala.datasets.readers.fashion_mnist import read_fashion_mnist
from mmgala.registry import DATASETS

ITEM_KINDS = FashionMNIST.METAINFO['classes']
PAIRS_PER_CLASS = {'train': 500, 'val': 25, 'test': 50}
# The last 1/6 of the training images, 10,000 of 60,000, is held out for validation.
VAL_DIVISOR = 6


@DATASETS.register_module()
class FashionPairs(BaseDataset):
    """Two Fashion-MNIST items side by side; the class is the ordered pair of kinds.

    Ten kinds of items give 100 classes of equal size. Their order is a seeded
    permutation, so that the frequency of a class under :class:`LongTailedDataset` does
    not depend on its items. Training pairs are built from the first 50,000 training
    images, validation pairs from the last 10,000, and test pairs from the test images.
    A class uses every item of a kind once before it repeats any, and never pairs an
    item with itself.

    The pairs of a class depend only on ``split`` and ``seed``: ``pairs_per_class``
    keeps the first of them, and ``num_classes`` and ``class_seed`` only select classes.

    Args:
        data_root: folder that contains the four unpacked files of Fashion-MNIST, which
            are not downloaded.
        split: ``'train'``, ``'val'`` or ``'test'``.
        pairs_per_class: number of pairs per class. Defaults to 500 for training, 25 for
            validation and 50 for testing.
        num_classes: number of classes to keep, from 2 to 100, in the permuted order.
        seed: seed of the pairs.
        class_seed: seed of the class order. Use the same ``class_seed`` and
            ``num_classes`` for all splits.
        **kwargs: passed to MMPretrain's ``BaseDataset``, such as ``pipeline``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if an argument is out of range, or the files are damaged or contain
            too few items.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        pairs_per_class: int | None = None,
        num_classes: int = 100,
        seed: int = 0,
        class_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        check_split(split)
        if pairs_per_class is None:
            pairs_per_class = PAIRS_PER_CLASS[split]
        _require('pairs_per_class', pairs_per_class, 1)
        _require('num_classes', num_classes, 2, len(ITEM_KINDS) ** 2)
        _require('seed', seed, 0)
        _require('class_seed', class_seed, 0)
        self.split = split
        self.pairs_per_class = pairs_per_class
        self.seed = seed
        order = np.random.default_rng(class_seed).permutation(len(ITEM_KINDS) ** 2)
        self._kinds = [divmod(int(c), len(ITEM_KINDS)) for c in order[:num_classes]]
        names = tuple(
            f'{ITEM_KINDS[left]} + {ITEM_KINDS[right]}' for left, right in self._kinds
        )
        kwargs.setdefault('classes', names)
        super().__init__(ann_file='', data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Draw the pairs; their images are joined when they are loaded."""
        self._images, labels = self._read_split()
        pools = [np.flatnonzero(labels == kind) for kind in range(len(ITEM_KINDS))]
        if min(map(len, pools)) < 2:
            raise ValueError(
                f'Expected at least two {self.split} images of each kind of item in '
                f'{self.data_root}, but got {[len(pool) for pool in pools]}: are these '
                'the complete files of Fashion-MNIST?'
            )
        return [
            dict(items=items, gt_label=label)
            for label, kinds in enumerate(self._kinds)
            for items in self._pairs(pools, *kinds).tolist()
        ]

    def _read_split(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the items in this split."""
        part = 'test' if self.split == 'test' else 'train'
        images, labels = read_fashion_mnist(self.data_root, part)
        first_of_val = len(images) - len(images) // VAL_DIVISOR
        items = {
            'train': slice(first_of_val),
            'val': slice(first_of_val, None),
            'test': slice(None),
        }[self.split]
        return images[items], labels[items]

    def _pairs(self, pools: list[np.ndarray], left: int, right: int) -> np.ndarray:
        """Item indices of the pairs of one class, ``(pairs_per_class, 2)``."""
        seed = [self.seed, SPLITS.index(self.split), left, right]
        first = _shuffled_rounds(pools[left], self.pairs_per_class, [*seed, 0])
        if left == right:
            # Offset by half a round, so that no item is paired with itself, and an
            # item reappears on the other side as late as possible.
            second = np.roll(first, len(pools[left]) // 2, axis=1)
        else:
            second = _shuffled_rounds(pools[right], self.pairs_per_class, [*seed, 1])
        pairs = [side.ravel()[: self.pairs_per_class] for side in (first, second)]
        return np.stack(pairs, axis=1)

    def get_data_info(self, idx: int) -> dict:
        """Annotation of one pair; ``img`` is ``(28, 56)`` uint8."""
        info = super().get_data_info(idx)
        left, right = info['items']
        info['img'] = np.hstack((self._images[left], self._images[right]))
        return info

    def extra_repr(self) -> list[str]:
        """Extra lines for ``repr``."""
        return [
            f'Fashion-MNIST in: \t{self.data_root}',
            f'Split: \t{self.split} (seed {self.seed})',
        ]


def _shuffled_rounds(pool: np.ndarray, count: int, seed: list[int]) -> np.ndarray:
    """Shuffled copies of a pool, at least ``count`` items: ``(rounds, len(pool))``."""
    copies = np.tile(pool, (-(-count // len(pool)), 1))
    return np.random.default_rng(seed).permuted(copies, axis=1)


def _require(name: str, value: int, low: int, high: int | None = None) -> None:
    if not isinstance(value, int) or value < low or (high and value > high):
        limit = f'of at least {low}' if high is None else f'from {low} to {high}'
        raise ValueError(
            f'Expected `{name}` to be an integer {limit}, but got {value!r}.'
        )
