"""A table of images of the user's own, as CSV."""

from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmgala.datasets.image_dataset import ImageDataset
from mmgala.datasets.readers.annotations import Annotations
from mmgala.datasets.readers.csv_table import Table, listed, read_table
from mmgala.registry import DATASETS


@DATASETS.register_module()
class CSVDataset(ImageDataset):
    """Images that a CSV file names, a row an image, with one label each.

    The first row names the columns; others than the three below are ignored, and so are
    empty lines::

        path,label,split
        images/1.jpg,house sparrow,train
        images/2.jpg,dunnock,val

    ``metainfo['class_counts']`` are the counts of the rows in ``'train'``; without such
    rows they are unknown.

    Args:
        ann_file: CSV file, UTF-8, absolute or relative to ``data_root``.
        data_root: folder of the CSV file and of the images.
        data_prefix: folder below ``data_root`` that the paths are relative to.
        path_column: name of the column with the paths.
        label_column: name of the column with the class of each image.
        split_column: name of the column with the part each image belongs to. Defaults
            to ``'split'`` where there is such a column; in a file without, all images
            are in ``'train'``.
        split: the part to load.
        check_images: look for missing files before anything else starts.
        **kwargs: ``classes``, by default all names in the label column, sorted, the
            same for all parts; and others of MMPretrain's ``BaseDataset``.

    Raises:
        FileNotFoundError: if the CSV file or images are missing.
        ValueError: on a missing column, a bad row, with file and line, or if an image
            has several rows: multi-label data sets are not supported.
    """

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: str | dict = '',
        path_column: str = 'path',
        label_column: str = 'label',
        split_column: str | None = None,
        split: str = 'train',
        check_images: bool = True,
        **kwargs: Any,
    ) -> None:
        self.path_column = path_column
        self.label_column = label_column
        self.split_column = split_column
        super().__init__(
            ann_file, data_root, data_prefix, split, check_images, **kwargs
        )

    def read_annotations(self) -> tuple[Annotations, list[int] | None]:
        """Images of the split, and training images per class where there are any."""
        table = read_table(
            self.ann_file, self.path_column, self.label_column, self.split_column
        )
        classes = tuple(self.CLASSES or sorted(set(table.labels)))
        labels = self._class_indices(table, classes)
        rows = self._rows_of(table, self.split)
        if not len(rows):
            there = listed(sorted(set(table.splits or ['train'])))
            column = '' if table.splits else ' (no column says otherwise)'
            raise ValueError(
                f'{self.ann_file}: no row is in split {self.split!r}; there are '
                f'{there}{column}.'
            )
        images = Annotations(
            [table.paths[row] for row in rows],
            labels[rows],
            lambda i: f'{self.ann_file}:{table.lines[rows[i]]}',
            len(classes),
            classes,
        )
        training = self._rows_of(table, 'train')
        if not len(training):
            print_log(
                f"{self.ann_file}: no row is in split 'train': class_counts are "
                'unknown.',
                logger='current',
            )
            return images, None
        return images, np.bincount(labels[training], minlength=len(classes)).tolist()

    def _rows_of(self, table: Table, split: str) -> np.ndarray:
        splits = table.splits or ['train'] * len(table.paths)
        return np.flatnonzero(np.array(splits) == split)

    def _class_indices(self, table: Table, classes: tuple[str, ...]) -> np.ndarray:
        index = {name: c for c, name in enumerate(classes)}
        for label, line in zip(table.labels, table.lines, strict=True):
            if label not in index:
                raise ValueError(
                    f'{self.ann_file}:{line}: unknown class {label!r}; `classes` are '
                    f'{listed(classes)}.'
                )
        return np.array([index[label] for label in table.labels], dtype=np.int64)
