"""Your own images, listed in a CSV file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmgala.datasets.image_dataset import ImageDataset
from mmgala.datasets.readers.annotations import (
    Annotations,
    find_invalid_path,
    find_repeated_path,
    listed_as,
    printable,
    read_text,
)
from mmgala.registry import DATASETS
from mmgala.utils.class_names import comparable_name, sort_class_names


@dataclass
class Table:
    """Columns of a CSV file.

    Attributes:
        paths: path of each image.
        labels: class name of each image.
        splits: split of each image, or None if the file has no split column.
        lines: line on which the row of each image ends, counted from 1.
    """

    paths: list[str]
    labels: list[str]
    splits: list[str] | None
    lines: list[int]


def read_table(
    path: str, path_column: str, label_column: str, split_column: str | None = None
) -> Table:
    """Read a CSV file whose first row has the column names. Empty lines are ignored.

    Args:
        path: path of the file, in UTF-8.
        path_column: name of the column of paths.
        label_column: name of the column of labels.
        split_column: name of the column of splits. Defaults to ``'split'`` if the file
            has that column.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if a column is missing, a cell is empty, a row is too short or too
            long, or a path repeats or is outside the root.
    """
    header, rows, lines = _read_rows(path)
    if split_column is None and 'split' in header:
        split_column = 'split'
    images = _column(path, header, path_column)
    labels = _column(path, header, label_column)
    table = Table(
        paths=[row[images] for row in rows],
        labels=[comparable_name(row[labels]) for row in rows],
        splits=None,
        lines=lines,
    )
    if split_column is not None:
        splits = _column(path, header, split_column)
        table.splits = [row[splits].strip() for row in rows]
    _check_cells(path, table)
    return table


def _read_rows(path: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Column names, the rows below them and the last line of each row."""
    reader = csv.reader(io.StringIO(read_text(path), newline=''), strict=True)
    header: list[str] = []
    rows, lines = [], []
    try:
        for row in reader:
            if not row:
                continue
            header = header or row
            if len(row) != len(header):
                raise ValueError(
                    f'{path}:{reader.line_num}: expected {len(header)} columns, as in '
                    f'the first row, but got {len(row)}.'
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f'{path}:{reader.line_num}: invalid CSV ({error}).') from error
    if len(rows) < 2:
        raise ValueError(f'{path}: there are no rows below the column names.')
    return header, rows[1:], lines[1:]


def _column(path: str, header: list[str], name: str) -> int:
    if header.count(name) != 1:
        problem = 'several columns are' if name in header else 'no column is'
        raise ValueError(
            f'{path}:1: {problem} named {name!r}; the columns are {quoted(header)}.'
        )
    return header.index(name)


def _check_cells(path: str, table: Table) -> None:
    for name, cells in (('label', table.labels), ('split', table.splits)):
        if cells is not None and '' in cells:
            line = table.lines[cells.index('')]
            raise ValueError(f'{path}:{line}: the {name} is empty.')
    problem = find_invalid_path(table.paths)
    if problem is not None:
        raise ValueError(f'{path}:{table.lines[problem[0]]}: {problem[1]}.')
    duplicate = find_repeated_path(table.paths)
    if duplicate is not None:
        lines = [table.lines[index] for index in duplicate]
        first, second = (table.paths[index] for index in duplicate)
        raise ValueError(
            f'{path}:{lines[1]}: {printable(second)} is already listed on line '
            f'{lines[0]}{listed_as(first, second)}; multi-label data sets are not '
            'supported.'
        )


def quoted(names: Sequence[str], most: int = 10) -> str:
    """Join the names in quotes, and abbreviate long lists, for a message."""
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(map(repr, names[:most])) + more


@DATASETS.register_module()
class CSVDataset(ImageDataset):
    """Single-label images listed in a CSV file, one image per row.

    The first row contains the column names. Columns other than the three below are
    ignored, as are empty lines::

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
            names in the label column over all splits, sorted as numbers if all are
            integers and otherwise as text.

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
        classes = tuple(self.CLASSES or sort_class_names(set(table.labels)))
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
        index = {comparable_name(name): c for c, name in enumerate(classes)}
        for label, line in zip(table.labels, table.lines, strict=True):
            if label not in index:
                raise ValueError(
                    f'{self.ann_file}:{line}: unknown class {label!r}; `classes` '
                    f'contains {quoted(classes)}.'
                )
        return np.array([index[label] for label in table.labels], dtype=np.int64)
