"""Scikit-learn's handwritten digits, a real data set that needs no download."""

from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset

from mmgala.datasets.image_dataset import check_split
from mmgala.datasets.labels import random_rank_in_class
from mmgala.registry import DATASETS


@DATASETS.register_module()
class DigitsDataset(BaseDataset):
    """1,797 handwritten digits of 8 x 8 pixels (UCI ML repository, via scikit-learn).

    The split is stratified and seeded. Validation and test splits are exactly balanced;
    the remaining images are for training, 99 to 108 per class by default. Images have
    three identical channels, so that any backbone accepts them.

    Args:
        split: ``'train'``, ``'val'`` or ``'test'``.
        val_per_class: number of validation images per class.
        test_per_class: number of test images per class.
        seed: seed of the split. Use the same one for all splits.
        **kwargs: passed to MMPretrain's ``BaseDataset``, such as ``pipeline``.

    Raises:
        ValueError: if the split is unknown, or a class would have no training images.
    """

    METAINFO = {'classes': tuple(str(digit) for digit in range(10))}

    def __init__(
        self,
        split: str = 'train',
        val_per_class: int = 25,
        test_per_class: int = 50,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        check_split(split)
        self.split = split
        self.val_per_class = val_per_class
        self.test_per_class = test_per_class
        self.seed = seed
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self) -> list[dict]:
        """Load images, ``(8, 8, 3)`` uint8 from 0 to 255, and labels."""
        # Imported late, as it would slow every program's start by a second.
        from sklearn.datasets import load_digits

        digits = load_digits()
        # The 17 grey levels, 0 to 16, are scaled to 0-255 without loss.
        grey = (digits.images * 255 / 16).round().astype(np.uint8)
        images = np.repeat(grey[..., None], 3, axis=-1)
        return [
            dict(img=images[i], gt_label=int(digits.target[i]))
            for i in self._split_indices(digits.target)
        ]

    def _split_indices(self, labels: np.ndarray) -> np.ndarray:
        held_out = self.val_per_class + self.test_per_class
        smallest = int(np.bincount(labels).min())
        if min(self.val_per_class, self.test_per_class) < 0 or held_out >= smallest:
            raise ValueError(
                'Expected `val_per_class` and `test_per_class` to be non-negative with '
                f'a sum below {smallest}, to leave training images of every digit, but '
                f'got {self.val_per_class} and {self.test_per_class}.'
            )
        rank = random_rank_in_class(labels, self.seed)
        bounds = {
            'test': (0, self.test_per_class),
            'val': (self.test_per_class, held_out),
            'train': (held_out, len(labels)),
        }
        low, high = bounds[self.split]
        return np.flatnonzero((rank >= low) & (rank < high))

    def extra_repr(self) -> list[str]:
        """Extra lines for ``repr``."""
        return [f'Split: \t{self.split} (seed {self.seed})']
