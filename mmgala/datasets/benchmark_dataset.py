"""What the public long-tailed data sets share."""

import os
from typing import Any

from mmengine.logging import print_log

from mmgala.datasets.annotation_files import Annotations
from mmgala.datasets.class_counts import official_class_counts
from mmgala.datasets.image_dataset import ImageDataset
from mmgala.datasets.image_list import read_image_list


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
