"""Reader of CSV files with images, labels and splits."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from mmgala.datasets.readers.annotations import (
    find_duplicate,
    find_invalid_path,
    printable,
    read_text,
)


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
        labels=[row[labels].strip() for row in rows],
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
    duplicate = find_duplicate(table.paths)
    if duplicate is not None:
        first, second = (table.lines[index] for index in duplicate)
        raise ValueError(
            f'{path}:{second}: {printable(table.paths[duplicate[0]])} is already '
            f'listed on line {first}; multi-label data sets are not supported.'
        )


def quoted(names: Sequence[str], most: int = 10) -> str:
    """Join the names in quotes, and abbreviate long lists, for a message."""
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(map(repr, names[:most])) + more
