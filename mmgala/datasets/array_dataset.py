"""Small images that fit into memory, as NumPy files."""

from pathlib import Path
from typing import Any

import numpy as np

from mmgala.datasets.image_dataset import LabelledDataset
from mmgala.datasets.labels import rank_within_class
from mmgala.datasets.readers.annotations import find_duplicate, read_text
from mmgala.registry import DATASETS

CLASSES_FILE = 'classes.txt'
SPLITS = ('train', 'val', 'test')


class ArrayFolder(LabelledDataset):
    """Images of one size and their labels, in NumPy files of one folder; base class.

    Nothing is unpickled. The images stay in their file, which is mapped into memory:
    loader workers share them through the page cache.

    Args:
        data_root: folder with the files.
        split: ``'train'``, ``'val'`` or ``'test'``.
        **kwargs: ``pipeline``, ``classes``, ``indices`` and others of MMPretrain's
            ``BaseDataset``. ``classes`` are by default those of ``classes.txt``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: on an unknown split, or if a file is damaged, or images, labels and
            classes do not fit each other.
    """

    def __init__(self, data_root: str, split: str = 'train', **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(
                f'Expected `split` to be one of {SPLITS}, but got {split!r}.'
            )
        self.split = split
        self.folder = Path(data_root).expanduser()
        self._images: np.ndarray | None = None
        super().__init__(ann_file='', data_root=str(self.folder), **kwargs)

    def array_files(self) -> tuple[str, str]:
        """Names of the files with the images and the labels."""
        raise NotImplementedError

    def choose(self, labels: np.ndarray) -> np.ndarray:
        """Indices of the images of this split, among those of the files."""
        raise NotImplementedError

    def hint(self) -> str:
        """What to do when files are missing or damaged."""
        return 'Check `data_root`.'

    @property
    def images(self) -> np.ndarray:
        """All images of the file, ``(N, H, W)`` or ``(N, H, W, 3)`` uint8."""
        if self._images is None:
            self._images = self.read_array(self.array_files()[0])
        return self._images

    def __getstate__(self) -> dict:
        # A copy, or a worker that is spawned, maps the file again instead of getting
        # all its pixels.
        return {**self.__dict__, '_images': None}

    def load_data_list(self) -> list[dict]:
        """Index and label of each image of the split."""
        if 'classes' not in self._metainfo:
            self._metainfo['classes'] = self._read_classes()
        labels = np.asarray(self.read_array(self.array_files()[1]))
        self._check(labels)
        chosen = self.choose(labels)
        return [
            dict(index=index, gt_label=label)
            for index, label in zip(
                chosen.tolist(), labels[chosen].tolist(), strict=True
            )
        ]

    def get_data_info(self, idx: int) -> dict:
        """Annotation of an image, with ``img``, ``(H, W)`` or ``(H, W, 3)`` uint8."""
        info = super().get_data_info(idx)
        info['img'] = np.array(self.images[info['index']])
        return info

    def existing(self, name: str) -> Path:
        """Path of a file in the folder.

        Raises:
            FileNotFoundError: if it is not there.
        """
        path = self.folder / name
        if not path.is_file():
            raise FileNotFoundError(f'{path} does not exist. {self.hint()}')
        return path

    def read_array(self, name: str) -> np.ndarray:
        """Map a ``.npy`` file into memory.

        Raises:
            FileNotFoundError: if it is not there.
            ValueError: if it is damaged, or could only be read by unpickling.
        """
        path = self.existing(name)
        try:
            array = np.load(path, mmap_mode='r', allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ValueError(
                f'{path} is not a readable .npy file ({error}). {self.hint()}'
            ) from error
        if not isinstance(array, np.ndarray):
            raise ValueError(f'{path} is an .npz archive, not a .npy file.')
        return array

    def _read_classes(self) -> tuple[str, ...]:
        path = self.existing(CLASSES_FILE)
        names = read_text(path).removesuffix('\n').split('\n')
        if '' in names:
            raise ValueError(f'{path}:{names.index("") + 1}: the line is empty.')
        duplicate = find_duplicate(names)
        if duplicate is not None:
            first, second = duplicate
            raise ValueError(
                f'{path}:{second + 1}: class {names[second]!r} is in line {first + 1} '
                'already.'
            )
        return tuple(names)

    def _check(self, labels: np.ndarray) -> None:
        (images_path, labels_path) = (self.folder / name for name in self.array_files())
        shape, dtype = self.images.shape, self.images.dtype
        if dtype != np.uint8 or not (len(shape) == 3 or shape[3:] == (3,)):
            raise ValueError(
                f'Expected images of shape (N, H, W) or (N, H, W, 3) and type uint8 in '
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
                f'Expected labels from 0 to {num_classes - 1} in {labels_path}, as '
                f'there are {num_classes} classes, but they go from {labels.min()} to '
                f'{labels.max()}.'
            )

    def extra_repr(self) -> list[str]:
        """Lines of ``repr`` that follow the number of samples."""
        return [f'Files in: \t{self.folder}', f'Split: \t{self.split}']


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
