"""Your own images, listed in a CSV file."""

from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmgala.datasets.image_dataset import ImageDataset
from mmgala.datasets.readers.annotations import Annotations
from mmgala.datasets.readers.csv_table import Table, quoted, read_table
from mmgala.registry import DATASETS


@DATASETS.register_module()
class CSVDataset(ImageDataset):
    """Single-label images listed in a CSV file, one image per row.

    The first row contains the column names. Other columns than the three below are
    ignored, and so are empty lines::

        path,label,split
        images/1.jpg,house sparrow,train
        images/2.jpg,dunnock,val

    ``metainfo['class_counts']`` counts the rows whose split is ``'train'``. Without
    such rows, the class counts are unknown.

    Args:
        ann_file: CSV file in UTF-8, absolute or relative to ``data_root``.
        data_root: folder that contains the CSV file and the images.
        data_prefix: folder below ``data_root`` that image paths are relative to.
        path_column: name of the column of image paths.
        label_column: name of the column of class names.
        split_column: name of the column that assigns images to splits. Defaults to
            ``'split'`` if the file has that column; otherwise all images belong to
            ``'train'``.
        split: name of the split to load.
        check_images: whether to check on start that all image files exist.
        **kwargs: passed to MMPretrain's ``BaseDataset``. ``classes`` defaults to the
            sorted names in the label column over all splits.

    Raises:
        FileNotFoundError: if the CSV file or images are missing.
        ValueError: if a column is missing, a row is invalid (the message names the file
            and line), or an image has several rows, as multi-label data sets are not
            supported.
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
        """Read the split's annotations and the training class counts, if known."""
        table = read_table(
            self.ann_file, self.path_column, self.label_column, self.split_column
        )
        classes = tuple(self.CLASSES or sorted(set(table.labels)))
        labels = self._class_indices(table, classes)
        rows = self._rows_in_split(table, self.split)
        if not len(rows):
            splits = quoted(sorted(set(table.splits or ['train'])))
            reason = '' if table.splits else ' (there is no split column)'
            raise ValueError(
                f'{self.ann_file}: no rows belong to split {self.split!r}; available '
                f'splits: {splits}{reason}.'
            )
        images = Annotations(
            [table.paths[row] for row in rows],
            labels[rows],
            lambda i: f'{self.ann_file}:{table.lines[rows[i]]}',
            len(classes),
            classes,
        )
        training = self._rows_in_split(table, 'train')
        if not len(training):
            print_log(
                f"{self.ann_file}: no rows belong to split 'train', so "
                'class_counts are unknown.',
                logger='current',
            )
            return images, None
        return images, np.bincount(labels[training], minlength=len(classes)).tolist()

    def _rows_in_split(self, table: Table, split: str) -> np.ndarray:
        splits = table.splits or ['train'] * len(table.paths)
        return np.flatnonzero(np.array(splits) == split)

    def _class_indices(self, table: Table, classes: tuple[str, ...]) -> np.ndarray:
        index = {name: c for c, name in enumerate(classes)}
        for label, line in zip(table.labels, table.lines, strict=True):
            if label not in index:
                raise ValueError(
                    f'{self.ann_file}:{line}: unknown class {label!r}; `classes` '
                    f'contains {quoted(classes)}.'
                )
        return np.array([index[label] for label in table.labels], dtype=np.int64)
