"""Scikit-learn's handwritten digits: a real data set that needs no download."""

from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset

from mmgala.datasets.labels import rank_within_class
from mmgala.registry import DATASETS

SPLITS = ('train', 'val', 'test')


@DATASETS.register_module()
class DigitsDataset(BaseDataset):
    """1,797 handwritten digits of 8 x 8 pixels (UCI ML repository, via scikit-learn).

    The split is stratified and seeded. Validation and test part are exactly balanced;
    the training part has what is left, 99 to 108 digits per class with the defaults.
    Images have three equal channels, so that any backbone takes them unchanged.

    Args:
        split: ``'train'``, ``'val'`` or ``'test'``.
        val_per_class: validation images per class.
        test_per_class: test images per class.
        seed: of the split. All parts must use the same.
        **kwargs: ``pipeline`` and others of MMPretrain's ``BaseDataset``.

    Raises:
        ValueError: on an unknown split, or if no training images would be left.
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
        if split not in SPLITS:
            raise ValueError(
                f'Expected `split` to be one of {SPLITS}, but got {split!r}.'
            )
        self.split = split
        self.val_per_class = val_per_class
        self.test_per_class = test_per_class
        self.seed = seed
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self) -> list[dict]:
        """Load images, ``(8, 8, 3)`` uint8 from 0 to 255, and labels."""
        # Imported here: it would add a second to the start of every program.
        from sklearn.datasets import load_digits

        digits = load_digits()
        # 17 grey levels, 0 to 16, are stretched to the usual 256 without loss.
        grey = (digits.images * 255 / 16).round().astype(np.uint8)
        images = np.repeat(grey[..., None], 3, axis=-1)
        return [
            dict(img=images[i], gt_label=int(digits.target[i]))
            for i in self._part(digits.target)
        ]

    def _part(self, labels: np.ndarray) -> np.ndarray:
        held_out = self.val_per_class + self.test_per_class
        smallest = int(np.bincount(labels).min())
        if min(self.val_per_class, self.test_per_class) < 0 or held_out >= smallest:
            raise ValueError(
                'Expected `val_per_class` + `test_per_class` to leave training images '
                f'of every digit (fewer than {smallest}), but got {held_out}.'
            )
        rank = rank_within_class(labels, self.seed)
        bounds = {
            'test': (0, self.test_per_class),
            'val': (self.test_per_class, held_out),
            'train': (held_out, len(labels)),
        }
        low, high = bounds[self.split]
        return np.flatnonzero((rank >= low) & (rank < high))

    def extra_repr(self) -> list[str]:
        """Lines of ``repr`` that follow the number of samples."""
        return [f'Split: \t{self.split} (seed {self.seed})']
