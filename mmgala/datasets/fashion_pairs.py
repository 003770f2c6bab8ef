"""Pairs of Fashion-MNIST's items: a hundred classes that train in minutes."""

from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset, FashionMNIST

from mmgala.datasets.readers.fashion_mnist import read_fashion_mnist
from mmgala.registry import DATASETS

KINDS = FashionMNIST.METAINFO['classes']
PAIRS_PER_CLASS = {'train': 500, 'val': 25, 'test': 50}
SPLITS = tuple(PAIRS_PER_CLASS)
# The last sixth of the training images, 10,000 of 60,000, is kept for validation.
VAL_SHARE = 6


@DATASETS.register_module()
class FashionPairs(BaseDataset):
    """Two items of Fashion-MNIST side by side; the class is the ordered pair.

    Ten kinds of item make 100 classes, all of one size. They stand in a seeded random
    order, so that which of them :class:`LongTailedDataset` makes frequent has nothing
    to do with the items. Training pairs are made of the first 50,000 training images,
    validation pairs of the last 10,000, test pairs of the test images. A class uses all
    items of a kind before it uses one twice, and pairs none with itself.

    The pairs of a class depend on ``split`` and ``seed`` alone: ``pairs_per_class``
    takes the first of them, ``num_classes`` and ``class_seed`` choose among the
    classes.

    Args:
        data_root: folder with the four unpacked files of Fashion-MNIST. Nothing is
            downloaded.
        split: ``'train'``, ``'val'`` or ``'test'``.
        pairs_per_class: size of each class. Defaults to 500, 25 or 50, by split.
        num_classes: the first so many classes of the random order, 2 to 100.
        seed: of the pairs.
        class_seed: of the order of the classes. All splits must use the same, and the
            same ``num_classes``.
        **kwargs: ``pipeline`` and others of MMPretrain's ``BaseDataset``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: on an argument out of range, or if the files are damaged or hold
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
        if split not in SPLITS:
            raise ValueError(
                f'Expected `split` to be one of {SPLITS}, but got {split!r}.'
            )
        if pairs_per_class is None:
            pairs_per_class = PAIRS_PER_CLASS[split]
        _require('pairs_per_class', pairs_per_class, 1)
        _require('num_classes', num_classes, 2, len(KINDS) ** 2)
        _require('seed', seed, 0)
        _require('class_seed', class_seed, 0)
        self.split = split
        self.pairs_per_class = pairs_per_class
        self.seed = seed
        order = np.random.default_rng(class_seed).permutation(len(KINDS) ** 2)
        self._kinds = [divmod(int(c), len(KINDS)) for c in order[:num_classes]]
        names = tuple(f'{KINDS[left]} + {KINDS[right]}' for left, right in self._kinds)
        kwargs.setdefault('classes', names)
        super().__init__(ann_file='', data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Choose the pairs; their pixels are put together when they are asked for."""
        self._images, labels = self._read()
        pools = [np.flatnonzero(labels == kind) for kind in range(len(KINDS))]
        if min(map(len, pools)) < 2:
            raise ValueError(
                f'Expected two or more {self.split} images of each kind of item in '
                f'{self.data_root}, but there are {[len(pool) for pool in pools]}: '
                'Fashion-MNIST has thousands.'
            )
        return [
            dict(items=items, gt_label=label)
            for label, kinds in enumerate(self._kinds)
            for items in self._pairs(pools, *kinds).tolist()
        ]

    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the items of this split."""
        part = 'test' if self.split == 'test' else 'train'
        images, labels = read_fashion_mnist(self.data_root, part)
        first_of_val = len(images) - len(images) // VAL_SHARE
        there = {
            'train': slice(first_of_val),
            'val': slice(first_of_val, None),
            'test': slice(None),
        }[self.split]
        return images[there], labels[there]

    def _pairs(self, pools: list[np.ndarray], left: int, right: int) -> np.ndarray:
        """Indices of the items of one class, ``(pairs_per_class, 2)``."""
        seed = [self.seed, SPLITS.index(self.split), left, right]
        first = _rounds(pools[left], self.pairs_per_class, [*seed, 0])
        if left == right:
            # Half a round apart, so that an item is in one place at first, and never
            # in both places of a pair.
            second = np.roll(first, len(pools[left]) // 2, axis=1)
        else:
            second = _rounds(pools[right], self.pairs_per_class, [*seed, 1])
        pairs = [side.ravel()[: self.pairs_per_class] for side in (first, second)]
        return np.stack(pairs, axis=1)

    def get_data_info(self, idx: int) -> dict:
        """Annotation of a pair, with ``img``, ``(28, 56)`` uint8."""
        info = super().get_data_info(idx)
        left, right = info['items']
        info['img'] = np.hstack((self._images[left], self._images[right]))
        return info

    def extra_repr(self) -> list[str]:
        """Lines of ``repr`` that follow the number of samples."""
        return [
            f'Fashion-MNIST in: \t{self.data_root}',
            f'Split: \t{self.split} (seed {self.seed})',
        ]


def _rounds(pool: np.ndarray, count: int, seed: list[int]) -> np.ndarray:
    """As many shuffled copies of a pool as ``count`` needs, ``(rounds, len(pool))``."""
    copies = np.tile(pool, (-(-count // len(pool)), 1))
    return np.random.default_rng(seed).permuted(copies, axis=1)


def _require(name: str, value: int, low: int, high: int | None = None) -> None:
    if not isinstance(value, int) or value < low or (high and value > high):
        limit = f'{low} or more' if high is None else f'from {low} to {high}'
        raise ValueError(
            f'Expected `{name}` to be a whole number, {limit}, but got {value!r}.'
        )
