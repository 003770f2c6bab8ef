"""Single-label data sets: labels in one array, images in files; base classes."""

import os
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import force_full_init
from mmpretrain.datasets import BaseDataset

from mmgala.datasets.readers.annotations import Annotations, shown
from mmgala.datasets.readers.image_list import missing_images


class LabelledDataset(BaseDataset):
    """Single-label data set whose labels are one array; base class.

    Labels are kept beside MMEngine's serialised samples: half a million labels are read
    without unpickling as many samples. They follow ``indices`` and ``get_subset``.
    """

    def full_init(self) -> None:
        """Load the annotations, once."""
        if self._fully_initialized:
            return
        super().full_init()
        if not self.serialize_data:
            self._labels = self._labels_of_data_list()

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        # The last moment when samples, filtered and subset, are there as they are.
        self._labels = self._labels_of_data_list()
        # What MMEngine does, without an array per sample: a third of the time.
        samples = [pickle.dumps(info, protocol=4) for info in self.data_list]
        self.data_list.clear()
        address = np.cumsum(np.fromiter(map(len, samples), np.int64, len(samples)))
        return np.frombuffer(b''.join(samples), dtype=np.uint8), address

    def _labels_of_data_list(self) -> np.ndarray:
        return np.array([info['gt_label'] for info in self.data_list], dtype=np.int64)

    @force_full_init
    def get_gt_labels(self) -> np.ndarray:
        """Label of each image, ``(N,)`` int64."""
        return self._labels.copy()

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of one image, as a list of one."""
        return [int(self._labels[idx])]

    @force_full_init
    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keep the first (or, if negative, last) images, or those at ``indices``."""
        super().get_subset_(indices)
        self._labels = _select(self._labels, indices)

    @force_full_init
    def get_subset(self, indices: int | Sequence[int]) -> 'LabelledDataset':
        """As :meth:`get_subset_`, leaving this data set as it is."""
        subset = super().get_subset(indices)
        subset._labels = _select(self._labels, indices)
        return subset


def _select(labels: np.ndarray, indices: int | Sequence[int]) -> np.ndarray:
    if isinstance(indices, int):
        return labels[:indices] if indices >= 0 else labels[indices:]
    return labels[np.asarray(indices, dtype=np.int64)]


class ImageDataset(LabelledDataset):
    """Single-label image files that an annotation file names; base class.

    ``metainfo['class_counts']`` are the training images per class, in every split, and
    do not change with ``indices`` or ``get_subset``.

    Args:
        ann_file: annotation file, absolute or relative to ``data_root``; local.
        data_root: folder of ``ann_file`` and of the images.
        data_prefix: folder below ``data_root`` that the paths are relative to.
        split: part of the data; ``'train'`` must have images of every class.
        check_images: look for missing files before anything else starts, by one
            listing per folder.
        **kwargs: ``pipeline``, ``classes``, ``indices`` and others of MMPretrain's
            ``BaseDataset``.

    Raises:
        FileNotFoundError: if the annotation file, the image root or images are missing.
        ValueError: on a bad annotation, with file and line, or a class without training
            images.
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
        """Images of the split, and training images per class where they are known."""
        raise NotImplementedError

    def hint(self) -> str:
        """What to do when files are missing."""
        return 'Check `data_root`, `data_prefix` and `ann_file`.'

    def load_data_list(self) -> list[dict]:
        """Read and check annotations; path and label of each image."""
        if not os.path.isfile(self.ann_file):
            raise FileNotFoundError(
                f'{self.ann_file}: no such annotation file. {self.hint()}'
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
                f'training images, and cannot be learnt ({len(empty)} such classes of '
                f'{images.num_classes}). Add images, or set `classes` to those there '
                'are.'
            )

    def _require_images(self, images: Annotations) -> None:
        root = os.path.normpath(self.img_prefix or '.')
        missing = missing_images(root, images.paths)
        if missing:
            first = missing[0]
            name, origin = shown(images.paths[first]), images.origin(first)
            raise FileNotFoundError(
                f'{len(missing)} of {len(images.paths)} images are missing in {root}, '
                f'first {name} ({origin}). {self.hint()}'
            )

    def extra_repr(self) -> list[str]:
        """Lines of ``repr`` that follow the number of samples."""
        return [*super().extra_repr(), f'Split: \t{self.split}']
