"""Data sets stored as NumPy arrays of images and labels."""

from pathlib import Path
from typing import Any

import numpy as np

from mmgala.datasets.image_dataset import LabelledDataset, check_split
from mmgala.datasets.labels import random_rank_in_class
from mmgala.datasets.readers.annotations import read_text
from mmgala.registry import DATASETS
from mmgala.utils.duplicates import find_duplicate

CLASSES_FILE = 'classes.txt'


class ArrayFolder(LabelledDataset):
    """Base class of data sets stored as NumPy arrays in one folder.

    Files are never unpickled. The image array is memory-mapped rather than loaded, so
    loader workers share it through the page cache.

    Args:
        data_root: folder that contains the files.
        split: ``'train'``, ``'val'`` or ``'test'``.
        **kwargs: passed to MMPretrain's ``BaseDataset``, such as ``pipeline``,
            ``classes`` or ``indices``. ``classes`` defaults to the lines of
            ``classes.txt``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if the split is unknown, a file is damaged, or images, labels and
            class names do not match.
    """

    def __init__(self, data_root: str, split: str = 'train', **kwargs: Any) -> None:
        check_split(split)
        self.split = split
        self.folder = Path(data_root).expanduser()
        self._images: np.ndarray | None = None
        super().__init__(ann_file='', data_root=str(self.folder), **kwargs)

    def array_files(self) -> tuple[str, str]:
        """File names of the image array and the label array."""
        raise NotImplementedError

    def split_indices(self, labels: np.ndarray) -> np.ndarray:
        """Select the images of this split.

        Args:
            labels: ``(N,)`` integer labels of all images in the files.

        Returns:
            Ascending indices into ``labels``, int64.
        """
        raise NotImplementedError

    def missing_files_hint(self) -> str:
        """Advice for error messages about missing or damaged files."""
        return 'Check `data_root`.'

    def image_files(self) -> list[Path]:
        """Files that the images are read from."""
        return [self.folder / self.array_files()[0]]

    @property
    def images(self) -> np.ndarray:
        """All images in the file, ``(N, H, W)`` or ``(N, H, W, 3)`` uint8."""
        if self._images is None:
            self._images = self.read_array(self.array_files()[0])
        return self._images

    def __getstate__(self) -> dict:
        # Copies and spawned workers map the file again rather than receive its pixels.
        return {**self.__dict__, '_images': None}

    def load_data_list(self) -> list[dict]:
        """List the index and label of each image in the split."""
        if 'classes' not in self._metainfo:
            self._metainfo['classes'] = self._read_classes()
        labels = np.asarray(self.read_array(self.array_files()[1]))
        self._check_arrays(labels)
        chosen = self.split_indices(labels)
        return [
            dict(index=index, gt_label=label)
            for index, label in zip(
                chosen.tolist(), labels[chosen].tolist(), strict=True
            )
        ]

    def get_data_info(self, idx: int) -> dict:
        """Annotation of one image; ``img`` is ``(H, W)`` or ``(H, W, 3)`` uint8."""
        info = super().get_data_info(idx)
        info['img'] = np.array(self.images[info['index']])
        return info

    def require_file(self, name: str) -> Path:
        """Return the path of a file in the folder.

        Raises:
            FileNotFoundError: if the file does not exist.
        """
        path = self.folder / name
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} does not exist. {self.missing_files_hint()}'
            )
        return path

    def read_array(self, name: str) -> np.ndarray:
        """Map a ``.npy`` file into memory.

        Raises:
            FileNotFoundError: if the file does not exist.
            ValueError: if it is damaged or requires unpickling.
        """
        path = self.require_file(name)
        try:
            array = np.load(path, mmap_mode='r', allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ValueError(
                f'{path} is not a readable .npy file ({error}). '
                f'{self.missing_files_hint()}'
            ) from error
        if not isinstance(array, np.ndarray):
            raise ValueError(f'{path} is an .npz archive, not a .npy file.')
        return array

    def _read_classes(self) -> tuple[str, ...]:
        path = self.require_file(CLASSES_FILE)
        names = read_text(path).removesuffix('\n').split('\n')
        if '' in names:
            raise ValueError(f'{path}:{names.index("") + 1}: the line is empty.')
        duplicate = find_duplicate(names)
        if duplicate is not None:
            first, second = duplicate
            raise ValueError(
                f'{path}:{second + 1}: class {names[second]!r} is already listed on '
                f'line {first + 1}.'
            )
        return tuple(names)

    def _check_arrays(self, labels: np.ndarray) -> None:
        (images_path, labels_path) = (self.folder / name for name in self.array_files())
        shape, dtype = self.images.shape, self.images.dtype
        if dtype != np.uint8 or not (len(shape) == 3 or shape[3:] == (3,)):
            raise ValueError(
                f'Expected uint8 images of shape (N, H, W) or (N, H, W, 3) in '
                f'{images_path}, but got {shape} {dtype}.'
            )
        if labels.dtype.kind not in 'iu' or labels.shape != shape[:1]:
            raise ValueError(
                f'Expected one integer label for each of the {shape[0]} images in '
                f'{labels_path}, but got {labels.shape} {labels.dtype}.'
            )
        num_classes = len(self._metainfo['classes'])
        if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
            raise ValueError(
                f'Expected labels from 0 to {num_classes - 1} in {labels_path}, which '
                f'has {num_classes} classes, but got labels from {labels.min()} to '
                f'{labels.max()}.'
            )

    def extra_repr(self) -> list[str]:
        """Extra lines for ``repr``."""
        return [f'Files in: \t{self.folder}', f'Split: \t{self.split}']


@DATASETS.register_module()
class ArrayDataset(ArrayFolder):
    """Equally sized images and their labels, stored as NumPy arrays.

    The folder contains, for each ``<part>`` of ``train`` and ``test``,

    - ``<part>_images.npy``: uint8, ``(N, H, W, 3)`` RGB or ``(N, H, W)`` greyscale,
    - ``<part>_labels.npy``: ``(N,)`` integers from 0 to C - 1,

    and ``classes.txt``, one class name per line in label order. You can create the
    files with ``mmgala prepare cifar100``, or with ``np.save`` and a text
    editor. Files are never unpickled, and loader workers share the images through the
    page cache.

    Args:
        data_root: folder that contains the files.
        split: ``'train'``, ``'val'`` or ``'test'``. The validation split is held out
            from the training files.
        val_per_class: number of training images per class to move from ``'train'`` to
            ``'val'``.
        seed: seed that selects the validation images. Use the same one for all splits.
        **kwargs: passed to MMPretrain's ``BaseDataset``, such as ``pipeline`` or
            ``classes``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, if images, labels and class names do not
            match, or if the validation split would be empty or leave a class without
            training images.
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
                'Expected `val_per_class` to be a non-negative integer, but got '
                f'{val_per_class!r}.'
            )
        if split == 'val' and val_per_class == 0:
            raise ValueError(
                "split='val' is empty: set `val_per_class`, the number of training "
                "images to hold out per class, to the same value as for split='train'."
            )
        self.val_per_class = val_per_class
        self.seed = seed
        super().__init__(data_root, split, **kwargs)

    def missing_files_hint(self) -> str:
        """How to create the files."""
        return (
            'For CIFAR, create the files with "mmgala prepare cifar100" '
            '(or cifar10); its --help lists the accepted sources.'
        )

    def array_files(self) -> tuple[str, str]:
        """File names of the image array and the label array."""
        part = 'test' if self.split == 'test' else 'train'
        return f'{part}_images.npy', f'{part}_labels.npy'

    def split_indices(self, labels: np.ndarray) -> np.ndarray:
        """Select the images of this split; see :meth:`ArrayFolder.split_indices`."""
        if self.split == 'test' or not self.val_per_class:
            return np.arange(len(labels))
        counts = np.bincount(labels, minlength=len(self._metainfo['classes']))
        smallest = int(counts.argmin())
        if self.val_per_class >= counts[smallest]:
            raise ValueError(
                f'val_per_class={self.val_per_class} leaves no training images of '
                f'class {smallest} ({self._metainfo["classes"][smallest]}), which has '
                f'only {counts[smallest]} in {self.folder}.'
            )
        held_out = random_rank_in_class(labels, self.seed) < self.val_per_class
        return np.flatnonzero(held_out if self.split == 'val' else ~held_out)
