"""Base classes of single-label data sets and of those read from image files."""

import os
import pickle
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import force_full_init
from mmpretrain.datasets import BaseDataset

from mmgala.datasets.readers.annotations import Annotations, printable
from mmgala.datasets.readers.image_list import missing_images

SPLITS = ('train', 'val', 'test')


def check_split(split: str) -> None:
    """Check the name of a split.

    Raises:
        ValueError: if it is not one of :data:`SPLITS`.
    """
    if split not in SPLITS:
        raise ValueError(f'Expected `split` to be one of {SPLITS}, but got {split!r}.')


class LabelledDataset(BaseDataset):
    """Base class of single-label data sets that keep their labels in one array.

    The array is stored next to MMEngine's serialised samples, so that reading half a
    million labels does not unpickle as many samples. It respects ``indices`` and
    ``get_subset``. Each entry of ``load_data_list`` is an image of its own.
    """

    def full_init(self) -> None:
        """Load the annotations, unless they are loaded already."""
        if self._fully_initialized:
            return
        super().full_init()
        if not self.serialize_data:
            self._labels = self._labels_of_data_list()
        self._origins = (
            np.array(self._indices, dtype=np.int64)
            if isinstance(self._indices, Sequence)
            else np.arange(len(self._labels))
        )

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        # The samples are filtered and subset by now, but not serialised yet.
        self._labels = self._labels_of_data_list()
        # Same result as MMEngine's method, which is three times slower as it creates an
        # array per sample.
        samples = [pickle.dumps(info, protocol=4) for info in self.data_list]
        self.data_list.clear()
        address = np.cumsum(np.fromiter(map(len, samples), np.int64, len(samples)))
        return np.frombuffer(b''.join(samples), dtype=np.uint8), address

    def reload_labels(self) -> None:
        """Read the labels again, after those of the samples were changed."""
        if not self.serialize_data:  # otherwise serialising them has done so
            self._labels = self._labels_of_data_list()

    def _compat_classes(self, metainfo: dict | None, classes: Any) -> dict:
        # Names may be given as numbers: classes=[0, 1, 2].
        metainfo = super()._compat_classes(metainfo, classes)
        names = metainfo.get('classes')
        if isinstance(names, Iterable) and not isinstance(names, str):
            metainfo = {**metainfo, 'classes': tuple(map(str, names))}
        return metainfo

    def _labels_of_data_list(self) -> np.ndarray:
        return np.array([info['gt_label'] for info in self.data_list], dtype=np.int64)

    @force_full_init
    def get_gt_labels(self) -> np.ndarray:
        """Label of each image, ``(N,)`` int64."""
        return self._labels.copy()

    @force_full_init
    def sample_origins(self) -> np.ndarray:
        """Number of each sample's image, ``(N,)`` int64; copies have the same."""
        return self._origins

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of one image, as a list of one."""
        return [int(self._labels[idx])]

    @force_full_init
    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keep only some images.

        Args:
            indices: indices to keep; or the number of first images to keep or, if
                negative, of last images.
        """
        super().get_subset_(indices)
        self._labels = _select(self._labels, indices)
        self._origins = _select(self._origins, indices)

    @force_full_init
    def get_subset(self, indices: int | Sequence[int]) -> 'LabelledDataset':
        """Return a copy with only some images; see :meth:`get_subset_`."""
        subset = super().get_subset(indices)
        subset._labels = _select(self._labels, indices)
        subset._origins = _select(self._origins, indices)
        return subset


def _select(values: np.ndarray, indices: int | Sequence[int]) -> np.ndarray:
    if isinstance(indices, int):
        return values[:indices] if indices >= 0 else values[indices:]
    return values[np.asarray(indices, dtype=np.int64)]


class ImageDataset(LabelledDataset):
    """Base class of single-label data sets with image files and an annotation file.

    ``metainfo['class_counts']`` holds the number of training images per class in every
    split, independent of ``indices`` and ``get_subset``.

    Args:
        ann_file: local annotation file, absolute or relative to ``data_root``.
        data_root: folder that contains ``ann_file`` and the images.
        data_prefix: folder below ``data_root`` that image paths are relative to.
        split: name of the split; ``'train'`` must have images of every class.
        check_images: whether to check on start that all image files exist. Each folder
            is listed once.
        **kwargs: passed to MMPretrain's ``BaseDataset``, such as ``pipeline``,
            ``classes`` or ``indices``.

    Raises:
        FileNotFoundError: if the annotation file, the image root or images are missing.
        ValueError: if an annotation is invalid (the message names the file and line),
            or a class has no training images.
    """

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: str | dict = '',
        split: str = 'train',
        check_images: bool = True,
        **kwargs: Any,
    ) -> None:
        self.split = split
        self.check_images = check_images
        super().__init__(
            ann_file=ann_file,
            data_root=os.path.expanduser(data_root),
            data_prefix=data_prefix,
            **kwargs,
        )

    def read_annotations(self) -> tuple[Annotations, list[int] | None]:
        """Read the split's annotations and the training class counts, if known."""
        raise NotImplementedError

    def missing_files_hint(self) -> str:
        """Advice for error messages about missing files."""
        return 'Check `data_root`, `data_prefix` and `ann_file`.'

    def load_data_list(self) -> list[dict]:
        """Read and check the annotations; list the path and label of each image."""
        if not os.path.isfile(self.ann_file):
            raise FileNotFoundError(
                f'{self.ann_file}: no such annotation file. {self.missing_files_hint()}'
            )
        images, class_counts = self.read_annotations()
        classes = images.classes or tuple(map(str, range(images.num_classes)))
        self._metainfo.setdefault('classes', classes)
        if class_counts is not None:
            self._metainfo.setdefault('class_counts', class_counts)
        if self.split == 'train':
            self._require_every_class(images)
        if self.check_images:
            self._require_images(images)
        prefix = os.path.join(self.img_prefix, '') if self.img_prefix else ''
        return [
            dict(img_path=prefix + path, gt_label=label)
            for path, label in zip(images.paths, images.labels.tolist(), strict=True)
        ]

    def _require_every_class(self, images: Annotations) -> None:
        empty = [c for c, count in enumerate(images.class_counts()) if not count]
        if empty:
            raise ValueError(
                f'{self.ann_file}: class {empty[0]} ({self.CLASSES[empty[0]]}) has no '
                f'training images, so it cannot be learnt ({len(empty)} of '
                f'{images.num_classes} classes are empty). Add images, or leave empty '
                'classes out of `classes`.'
            )

    def _require_images(self, images: Annotations) -> None:
        root = os.path.normpath(self.img_prefix or '.')
        missing = missing_images(root, images.paths)
        if missing:
            first = missing[0]
            name, origin = printable(images.paths[first]), images.origin(first)
            raise FileNotFoundError(
                f'{len(missing)} of {len(images.paths)} images are missing in {root}, '
                f'first {name} ({origin}). {self.missing_files_hint()}'
            )

    def extra_repr(self) -> list[str]:
        """Extra lines for ``repr``."""
        return [*super().extra_repr(), f'Split: \t{self.split}']
