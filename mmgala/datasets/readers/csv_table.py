"""Read and check a CSV table of images, labels and splits."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from mmgala.datasets.readers.annotations import (
    find_bad_path,
    find_duplicate,
    read_text,
    shown,
)


@dataclass
class Table:
    """Columns of a CSV file.

    Attributes:
        paths: path of each image.
        labels: its class.
        splits: its part, or None if the file has no such column.
        lines: where its row ends in the file, from 1 up.
    """

    paths: list[str]
    labels: list[str]
    splits: list[str] | None
    lines: list[int]


def read_table(
    path: str, path_column: str, label_column: str, split_column: str | None = None
) -> Table:
    """Read a CSV file whose first row names the columns. Empty lines are ignored.

    Args:
        path: of the file, UTF-8.
        path_column: name of the column with the paths.
        label_column: name of the column with the labels.
        split_column: name of the column with the parts; None for ``'split'`` where
            there is such a column.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: on a missing column, an empty cell, a row that is too short or too
            long, a path that is there twice or leaves the root.
    """
    header, rows, lines = _read_rows(path)
    if split_column is None and 'split' in header:
        split_column = 'split'
    images = _column(path, header, path_column)
    labels = _column(path, header, label_column)
    table = Table(
        paths=[row[images] for row in rows],
        labels=[row[labels].strip() for row in rows],
        splits=None,
        lines=lines,
    )
    if split_column is not None:
        splits = _column(path, header, split_column)
        table.splits = [row[splits].strip() for row in rows]
    _require_good_cells(path, table)
    return table


def _read_rows(path: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Names of the columns, the rows below and the last line of each."""
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
        raise ValueError(f'{path}:{reader.line_num}: not CSV ({error}).') from error
    if len(rows) < 2:
        raise ValueError(f'{path}: there are no rows below the names of the columns.')
    return header, rows[1:], lines[1:]


def _column(path: str, header: list[str], name: str) -> int:
    if header.count(name) != 1:
        there = 'several columns' if name in header else 'no column'
        raise ValueError(f'{path}:1: {there} {name!r}; there are {listed(header)}.')
    return header.index(name)


def _require_good_cells(path: str, table: Table) -> None:
    for name, cells in (('label', table.labels), ('split', table.splits)):
        if cells is not None and '' in cells:
            line = table.lines[cells.index('')]
            raise ValueError(f'{path}:{line}: the {name} is empty.')
    problem = find_bad_path(table.paths)
    if problem is not None:
        raise ValueError(f'{path}:{table.lines[problem[0]]}: {problem[1]}.')
    duplicate = find_duplicate(table.paths)
    if duplicate is not None:
        first, second = (table.lines[index] for index in duplicate)
        raise ValueError(
            f'{path}:{second}: {shown(table.paths[duplicate[0]])} has a row in line '
            f'{first} already; multi-label data sets are not supported.'
        )


def listed(names: Sequence[str], most: int = 10) -> str:
    """The names in quotes, as many as fit a message."""
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(map(repr, names[:most])) + more
