"""What our data sets of image files share."""

import os
from typing import Any

from mmgala.datasets.annotation_files import Annotations, shown
from mmgala.datasets.image_list import missing_images
from mmgala.datasets.labelled_dataset import LabelledDataset


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
