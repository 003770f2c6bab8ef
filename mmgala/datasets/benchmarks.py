"""ImageNet-LT, Places-LT and iNaturalist 2018, read from their official files."""

import os
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

from mmgala.datasets.class_counts import official_class_counts
from mmgala.datasets.image_dataset import ImageDataset
from mmgala.datasets.readers.annotations import Annotations
from mmgala.datasets.readers.coco_labels import read_coco_labels
from mmgala.datasets.readers.image_list import read_image_list
from mmgala.registry import DATASETS


class BenchmarkDataset(ImageDataset):
    """Base class of public long-tailed benchmarks.

    ``metainfo['class_counts']`` is counted from the training annotations in
    ``data_root``, or taken from the official lists if that file does not exist.

    Args:
        data_root: folder that contains annotations and images.
        split: a key of ``ANN_FILES``.
        ann_file: annotation file, absolute or relative to ``data_root``. Defaults to
            the first existing file of ``ANN_FILES[split]``.
        **kwargs: passed to :class:`mmgala.datasets.image_dataset.ImageDataset`. Set
            ``classes`` to read a subset that has fewer classes in the same format.

    Raises:
        FileNotFoundError: if the annotation file or images are missing.
        ValueError: if the split is unknown or an annotation is invalid; the message
            names the file and line.
    """

    NAME: str
    NUM_CLASSES: int
    #: Candidate names of the annotation file of each split.
    ANN_FILES: dict[str, tuple[str, ...]]

    def __init__(
        self,
        data_root: str = '',
        split: str = 'train',
        ann_file: str = '',
        **kwargs: Any,
    ) -> None:
        if split not in self.ANN_FILES:
            raise ValueError(
                f'Expected `split` of {type(self).__name__} to be one of '
                f'{tuple(self.ANN_FILES)}, but got {split!r}.'
            )
        data_root = os.path.expanduser(data_root)
        if not ann_file:
            ann_file = _first_existing(data_root, self.ANN_FILES[split])
        ann_file = ann_file or self.ANN_FILES[split][0]
        super().__init__(ann_file, data_root=data_root, split=split, **kwargs)

    def missing_files_hint(self) -> str:
        """Advice for error messages about missing files."""
        return (
            f'Check `data_root`; `mmgala prepare {self.NAME} --root '
            f'{self.data_root or "."} --check` lists what is missing.'
        )

    def read_file(self, path: str, num_classes: int | None) -> Annotations:
        """Read an annotation file.

        Args:
            path: path of the file.
            num_classes: number of classes; None for that of the file or the benchmark.
        """
        num_classes = num_classes or self.NUM_CLASSES
        paths, labels = read_image_list(path, num_classes)
        return Annotations(paths, labels, lambda i: f'{path}:{i + 1}', num_classes)

    def read_annotations(self) -> tuple[Annotations, list[int] | None]:
        """Read the split's annotations and the training class counts, if known."""
        num_classes = len(self.CLASSES or ()) or None
        if self.split == 'train':
            images = self.read_file(self.ann_file, num_classes)
            return images, images.class_counts()
        train_file = _first_existing(self.data_root, self.ANN_FILES['train'])
        if train_file:
            path = os.path.join(self.data_root, train_file)
            training = self.read_file(path, num_classes)
            images = self.read_file(self.ann_file, training.num_classes)
            images.classes = training.classes or images.classes
            return images, training.class_counts()
        images = self.read_file(self.ann_file, num_classes)
        return images, self._official_counts(images.num_classes)

    def _official_counts(self, num_classes: int) -> list[int] | None:
        reason = f'no training annotations in {self.data_root or "."}'
        if num_classes != self.NUM_CLASSES:
            print_log(
                f'{self.NAME}: {reason}, and {num_classes} classes instead of the '
                f'official {self.NUM_CLASSES}: class_counts are unknown.',
                logger='current',
            )
            return None
        print_log(
            f'{self.NAME}: {reason}; using the official class_counts.',
            logger='current',
        )
        return official_class_counts(self.NAME)


def _first_existing(root: str, names: tuple[str, ...]) -> str:
    """Return the first file name that exists in ``root``, or an empty string."""
    return next((n for n in names if os.path.isfile(os.path.join(root, n))), '')


@DATASETS.register_module()
class ImageNetLT(BenchmarkDataset):
    """ImageNet-LT: 115,846 training images, 1,000 classes with 5 to 1,280 images each.

    ``data_root`` is the ImageNet folder; the lists lie next to the image folders::

        data_root/
          ImageNet_LT_train.txt  ImageNet_LT_val.txt  ImageNet_LT_test.txt
          train/n01440764/*.JPEG
          val/n01440764/ILSVRC2012_val_00000293.JPEG

    Args:
        data_root: folder that contains lists and images.
        split: ``'train'``, ``'val'`` (20,000 images) or ``'test'`` (50,000 images).
        **kwargs: see :class:`BenchmarkDataset`.
    """

    NAME = 'imagenet-lt'
    NUM_CLASSES = 1000
    ANN_FILES = {
        split: (f'ImageNet_LT_{split}.txt',) for split in ('train', 'val', 'test')
    }
    METAINFO = {'classes': IMAGENET_CATEGORIES}


@DATASETS.register_module()
class PlacesLT(BenchmarkDataset):
    """Places-LT: 62,500 training images, 365 scenes with 5 to 4,980 images each.

    ``data_root`` is the Places365 folder; the lists lie next to the image folders::

        data_root/
          Places_LT_train.txt  Places_LT_val.txt  Places_LT_test.txt
          train/airfield/00004851.jpg           (training and validation)
          val/airfield/Places365_val_00003597.jpg                  (test)

    Classes are named after their folders, such as ``arena/hockey``.

    Args:
        data_root: folder that contains lists and images.
        split: ``'train'``, ``'val'`` (7,300 images) or ``'test'`` (36,500 images).
        **kwargs: see :class:`BenchmarkDataset`.
    """

    NAME = 'places-lt'
    NUM_CLASSES = 365
    ANN_FILES = {
        split: (f'Places_LT_{split}.txt',) for split in ('train', 'val', 'test')
    }

    def read_file(self, path: str, num_classes: int | None) -> Annotations:
        """Read a list and name the classes after their folders."""
        images = super().read_file(path, num_classes)
        names = list(map(str, range(images.num_classes)))
        for label, first in zip(
            *np.unique(images.labels, return_index=True), strict=True
        ):
            folders = images.paths[first].split('/')[1:-1]
            # The test list has arena-hockey for arena/hockey; no name contains a `-`.
            names[label] = '/'.join(folders).replace('-', '/') or names[label]
        images.classes = tuple(names)
        return images


@DATASETS.register_module()
class INaturalist2018(BenchmarkDataset):
    """iNaturalist 2018: 437,513 training images of 8,142 species.

    Annotations are read from the official JSON files or, if absent, from text lists::

        data_root/
          train2018.json  val2018.json
          iNaturalist18_train.txt  iNaturalist18_val.txt           (or these)
          train_val2018/Plantae/7291/*.jpg

    Class names come from the ``categories`` of the JSON file; with text lists, classes
    are numbered. The labels of the test set are not public.

    Args:
        data_root: folder that contains annotations and images.
        split: ``'train'`` or ``'val'`` (24,426 images).
        **kwargs: see :class:`BenchmarkDataset`.
    """

    NAME = 'inaturalist2018'
    NUM_CLASSES = 8142
    ANN_FILES = {
        split: (f'{split}2018.json', f'iNaturalist18_{split}.txt')
        for split in ('train', 'val')
    }

    def read_file(self, path: str, num_classes: int | None) -> Annotations:
        """Read a JSON file or a text list."""
        if path.endswith('.json'):
            return read_coco_labels(path, num_classes, self.NUM_CLASSES)
        return super().read_file(path, num_classes)
