"""Small images that fit into memory, as NumPy files."""

from typing import Any

import numpy as np

from mmgala.datasets.array_folder import ArrayFolder
from mmgala.datasets.labels import rank_within_class
from mmgala.registry import DATASETS


@DATASETS.register_module()
class ArrayDataset(ArrayFolder):
    """Images of one size and their labels, in NumPy files.

    The folder holds, for the training and the test part,

    - ``<part>_images.npy``: uint8, ``(N, H, W, 3)`` RGB or ``(N, H, W)`` grey,
    - ``<part>_labels.npy``: ``(N,)`` integers, 0 to C - 1,

    and ``classes.txt``, the names of the classes in the order of the labels, one a
    line. ``tools/prepare_data.py cifar100`` writes such a folder; ``np.save`` and a
    text editor do, too. Nothing is unpickled, and loader workers share the images
    through the page cache.

    Args:
        data_root: folder with the files.
        split: ``'train'``, ``'val'`` or ``'test'``. The validation part is taken from
            the training files.
        val_per_class: training images of each class that belong to ``'val'`` instead
            of ``'train'``; which ones, ``seed`` decides.
        seed: of the validation part. All splits must use the same.
        **kwargs: ``pipeline``, ``classes`` and others of MMPretrain's ``BaseDataset``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, images, labels and classes do not fit each
            other, or the validation part is empty or takes all images of a class.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        val_per_class: int = 0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        if not isinstance(val_per_class, int) or val_per_class < 0:
            raise ValueError(
                'Expected `val_per_class` to be a whole number, 0 or more, but got '
                f'{val_per_class!r}.'
            )
        if split == 'val' and val_per_class == 0:
            raise ValueError(
                "split='val' is empty: set `val_per_class`, the number of training "
                'images of each class to hold out, in the training part as well.'
            )
        self.val_per_class = val_per_class
        self.seed = seed
        super().__init__(data_root, split, **kwargs)

    def hint(self) -> str:
        """How to get the files."""
        return (
            'For CIFAR, "python tools/prepare_data.py cifar100" (or cifar10) makes it; '
            '--help says from what.'
        )

    def array_files(self) -> tuple[str, str]:
        """Names of the files with the images and the labels."""
        part = 'test' if self.split == 'test' else 'train'
        return f'{part}_images.npy', f'{part}_labels.npy'

    def choose(self, labels: np.ndarray) -> np.ndarray:
        """Indices of the images of this split."""
        if self.split == 'test' or not self.val_per_class:
            return np.arange(len(labels))
        counts = np.bincount(labels, minlength=len(self._metainfo['classes']))
        smallest = int(counts.argmin())
        if self.val_per_class >= counts[smallest]:
            raise ValueError(
                f'val_per_class={self.val_per_class} leaves no training images of '
                f'class {smallest} ({self._metainfo["classes"][smallest]}), which has '
                f'{counts[smallest]} in {self.folder}.'
            )
        held_out = rank_within_class(labels, self.seed) < self.val_per_class
        return np.flatnonzero(held_out if self.split == 'val' else ~held_out)
