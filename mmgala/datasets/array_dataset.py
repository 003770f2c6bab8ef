"""Small images that fit into memory, as NumPy files."""

from pathlib import Path
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset

from mmgala.datasets.labels import rank_within_class
from mmgala.registry import DATASETS

CLASSES_FILE = 'classes.txt'
SPLITS = ('train', 'val', 'test')


def array_files(split: str) -> tuple[str, str]:
    """Names of the files with the images and the labels of a split."""
    return f'{split}_images.npy', f'{split}_labels.npy'


def read_array_file(path: Path) -> np.ndarray:
    """Map a ``.npy`` file into memory, so that loader workers share it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or would need pickle to be read.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist. For CIFAR, "python tools/prepare_data.py '
            'cifar100" (or cifar10) makes it; --help says from what.'
        )
    try:
        return np.load(path, mmap_mode='r', allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f'{path} is not a readable .npy file ({error}).') from error


@DATASETS.register_module()
class ArrayDataset(BaseDataset):
    """Images of one size and their labels, in NumPy files.

    The folder holds, for the training and the test part,

    - ``<part>_images.npy``: ``(N, H, W, 3)`` uint8, RGB,
    - ``<part>_labels.npy``: ``(N,)`` integers, 0 to C - 1,

    and ``classes.txt``, one name of a class a line, in the order of the labels.
    ``tools/prepare_data.py cifar100`` writes such a folder. Nothing is unpickled, and
    loader workers share the images through the page cache.

    Args:
        data_root: folder with the files.
        split: ``'train'``, ``'val'`` or ``'test'``. The validation part is taken from
            the training files.
        val_per_class: training images of each class that belong to ``'val'`` instead
            of ``'train'``; which ones, ``seed`` decides.
        seed: of the validation part. All splits must use the same.
        **kwargs: ``pipeline`` and others of MMPretrain's ``BaseDataset``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, images and labels do not fit each other, or
            the validation part is empty or takes all images of a class.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        val_per_class: int = 0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(
                f'Expected `split` to be one of {SPLITS}, but got {split!r}.'
            )
        if split == 'val' and val_per_class < 1:
            raise ValueError(
                "split='val' is empty: set `val_per_class`, the number of training "
                'images of each class to hold out, in the training part as well.'
            )
        self.split = split
        self.val_per_class = val_per_class
        self.seed = seed
        self._folder = Path(data_root).expanduser()
        super().__init__(ann_file='', data_root=str(self._folder), **kwargs)

    def load_data_list(self) -> list[dict]:
        """Index and label of each image; the pixels stay in the file."""
        self._metainfo.setdefault('classes', self._read_classes())
        images_file, labels_file = array_files(
            'test' if self.split == 'test' else 'train'
        )
        self._images = read_array_file(self._folder / images_file)
        labels = np.asarray(read_array_file(self._folder / labels_file))
        self._check(self._images, labels)
        chosen = self._part(labels)
        return [
            dict(index=index, gt_label=label)
            for index, label in zip(
                chosen.tolist(), labels[chosen].tolist(), strict=True
            )
        ]

    def get_data_info(self, idx: int) -> dict:
        """Annotation of an image, with ``img``, ``(H, W, 3)`` uint8."""
        info = super().get_data_info(idx)
        info['img'] = np.array(self._images[info['index']])
        return info

    def _read_classes(self) -> tuple[str, ...]:
        path = self._folder / CLASSES_FILE
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} does not exist: it names the classes, one a line.'
            )
        return tuple(path.read_text(encoding='utf-8').splitlines())

    def _check(self, images: np.ndarray, labels: np.ndarray) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(
                f'Expected the {self.split} images in {self._folder} to be '
                f'(N, H, W, 3) uint8, but got {images.shape} {images.dtype}.'
            )
        if labels.dtype.kind not in 'iu' or labels.shape != images.shape[:1]:
            raise ValueError(
                f'Expected one integer label for each of the {len(images)} images in '
                f'{self._folder}, but got {labels.shape} {labels.dtype}.'
            )
        num_classes = len(self._metainfo['classes'])
        if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
            raise ValueError(
                f'The {self.split} labels in {self._folder} lie between {labels.min()} '
                f'and {labels.max()}, but {CLASSES_FILE} names {num_classes} classes.'
            )

    def _part(self, labels: np.ndarray) -> np.ndarray:
        """Indices of the images of this split."""
        if self.split == 'test' or not self.val_per_class:
            return np.arange(len(labels))
        smallest = int(np.bincount(labels).min())
        if self.val_per_class >= smallest:
            raise ValueError(
                f'Expected `val_per_class` to leave training images of every class '
                f'(fewer than {smallest}), but got {self.val_per_class}.'
            )
        held_out = rank_within_class(labels, self.seed) < self.val_per_class
        return np.flatnonzero(held_out if self.split == 'val' else ~held_out)

    def extra_repr(self) -> list[str]:
        """Lines of ``repr`` that follow the number of samples."""
        return [f'Files in: \t{self._folder}', f'Split: \t{self.split}']
