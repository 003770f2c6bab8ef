"""ImageNet-LT, Places-LT and iNaturalist 2018 in the form they are published."""

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
    """A public long-tailed data set; base class.

    ``metainfo['class_counts']`` are counted on the training annotations in
    ``data_root``. Where there are none, they are the official ones.

    Args:
        data_root: folder of annotations and images.
        split: one of ``ANN_FILES``.
        ann_file: annotation file, absolute or relative to ``data_root``. Defaults to
            the first of ``ANN_FILES[split]`` that is there.
        **kwargs: ``classes`` of a smaller set of the same form, and others of
            :class:`mmgala.datasets.image_dataset.ImageDataset`.

    Raises:
        FileNotFoundError: if the annotation file or images are missing.
        ValueError: on an unknown split or a bad annotation, with file and line.
    """

    NAME: str
    NUM_CLASSES: int
    #: Split to the names of its annotation file.
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
            ann_file = _existing(data_root, self.ANN_FILES[split])
        ann_file = ann_file or self.ANN_FILES[split][0]
        super().__init__(ann_file, data_root=data_root, split=split, **kwargs)

    def hint(self) -> str:
        """What to do when files are missing."""
        return (
            f'Check `data_root`; `python tools/prepare_data.py {self.NAME} --root '
            f'{self.data_root or "."} --check` tells what is missing.'
        )

    def read_file(self, path: str, num_classes: int | None) -> Annotations:
        """Annotations in a file; C is ``num_classes``, or what the file says."""
        num_classes = num_classes or self.NUM_CLASSES
        paths, labels = read_image_list(path, num_classes)
        return Annotations(paths, labels, lambda i: f'{path}:{i + 1}', num_classes)

    def read_annotations(self) -> tuple[Annotations, list[int] | None]:
        """Images of the split, and training images per class where they are known."""
        num_classes = len(self.CLASSES or ()) or None
        if self.split == 'train':
            images = self.read_file(self.ann_file, num_classes)
            return images, images.class_counts()
        train_file = _existing(self.data_root, self.ANN_FILES['train'])
        if train_file:
            path = os.path.join(self.data_root, train_file)
            training = self.read_file(path, num_classes)
            images = self.read_file(self.ann_file, training.num_classes)
            images.classes = training.classes or images.classes
            return images, training.class_counts()
        images = self.read_file(self.ann_file, num_classes)
        return images, self._official_counts(images.num_classes)

    def _official_counts(self, num_classes: int) -> list[int] | None:
        where = f'no training annotations in {self.data_root or "."}'
        if num_classes != self.NUM_CLASSES:
            print_log(
                f'{self.NAME}: {where}, and {num_classes} classes are not the official '
                f'{self.NUM_CLASSES}: class_counts are unknown.',
                logger='current',
            )
            return None
        print_log(
            f'{self.NAME}: {where}; class_counts are the official ones.',
            logger='current',
        )
        return official_class_counts(self.NAME)


def _existing(root: str, names: tuple[str, ...]) -> str:
    """First of the files that is there, or ''."""
    return next((n for n in names if os.path.isfile(os.path.join(root, n))), '')


@DATASETS.register_module()
class ImageNetLT(BenchmarkDataset):
    """ImageNet-LT: 115,846 training images of 1,000 classes, 1,280 to 5 of each.

    ``data_root`` is the root of ImageNet, with the lists beside the image folders::

        data_root/
          ImageNet_LT_train.txt  ImageNet_LT_val.txt  ImageNet_LT_test.txt
          train/n01440764/*.JPEG
          val/n01440764/ILSVRC2012_val_00000293.JPEG

    Args:
        data_root: folder of lists and images.
        split: ``'train'``, ``'val'`` (20,000) or ``'test'`` (50,000).
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
    """Places-LT: 62,500 training images of 365 scenes, 4,980 to 5 of each.

    ``data_root`` is the root of Places365, with the lists beside the image folders::

        data_root/
          Places_LT_train.txt  Places_LT_val.txt  Places_LT_test.txt
          train/airfield/00004851.jpg           (training and validation)
          val/airfield/Places365_val_00003597.jpg                  (test)

    Classes are named by their folders, as ``arena/hockey``.

    Args:
        data_root: folder of lists and images.
        split: ``'train'``, ``'val'`` (7,300) or ``'test'`` (36,500).
        **kwargs: see :class:`BenchmarkDataset`.
    """

    NAME = 'places-lt'
    NUM_CLASSES = 365
    ANN_FILES = {
        split: (f'Places_LT_{split}.txt',) for split in ('train', 'val', 'test')
    }

    def read_file(self, path: str, num_classes: int | None) -> Annotations:
        """Annotations in a file, with the classes named by their folders."""
        images = super().read_file(path, num_classes)
        names = list(map(str, range(images.num_classes)))
        for label, first in zip(
            *np.unique(images.labels, return_index=True), strict=True
        ):
            folders = images.paths[first].split('/')[1:-1]
            # The test list writes arena-hockey for arena/hockey; no name has a `-`.
            names[label] = '/'.join(folders).replace('-', '/') or names[label]
        images.classes = tuple(names)
        return images


@DATASETS.register_module()
class INaturalist2018(BenchmarkDataset):
    """The iNaturalist 2018 set: 437,513 training images of 8,142 species.

    Annotations are the official JSON or, where it is not there, a list::

        data_root/
          train2018.json  val2018.json
          iNaturalist18_train.txt  iNaturalist18_val.txt           (or these)
          train_val2018/Plantae/7291/*.jpg

    Classes are named by the ``categories`` of the JSON, or else numbered. Labels of the
    test set are not public.

    Args:
        data_root: folder of annotations and images.
        split: ``'train'`` or ``'val'`` (24,426).
        **kwargs: see :class:`BenchmarkDataset`.
    """

    NAME = 'inaturalist2018'
    NUM_CLASSES = 8142
    ANN_FILES = {
        split: (f'{split}2018.json', f'iNaturalist18_{split}.txt')
        for split in ('train', 'val')
    }

    def read_file(self, path: str, num_classes: int | None) -> Annotations:
        """Annotations in a JSON file or a list."""
        if path.endswith('.json'):
            return read_coco_labels(path, num_classes, self.NUM_CLASSES)
        return super().read_file(path, num_classes)
