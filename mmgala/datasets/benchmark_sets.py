"""ImageNet-LT, Places-LT and iNaturalist 2018 in the form they are published."""

import numpy as np
from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

from mmgala.datasets.annotation_files import Annotations
from mmgala.datasets.benchmark_dataset import BenchmarkDataset
from mmgala.datasets.coco_labels import read_coco_labels
from mmgala.registry import DATASETS


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
