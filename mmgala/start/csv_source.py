"""The images that a CSV file lists."""

import csv
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from mmgala.datasets.csv_dataset import quoted
from mmgala.datasets.readers.annotations import printable, read_text
from mmgala.start.source import PART_NAMES, Item, Source
from mmgala.utils.class_names import comparable_name

# Names of the columns, in lower case, the best first.
COLUMNS = {
    'path': ('path', 'image', 'image_path', 'img_path', 'file', 'filename', 'file_name',
             'filepath', 'image_id'),
    'label': ('label', 'class', 'class_name', 'category', 'target', 'label_name'),
    'split': ('split', 'part', 'subset', 'set', 'fold'),
}  # fmt: skip


def images_in_csv(data: Path) -> Source:
    """Read a CSV file with the columns ``path``, ``label`` and perhaps ``split``.

    Paths are relative to the folder of the file, or absolute. Other usual names of the
    columns are understood, and so are semicolons and tabs between them.

    Raises:
        ValueError: if a column is missing, a row is invalid, or there is one class.
    """
    rows, lines = _rows(data)
    header = [name.strip().lower() for name in rows[0]]
    path, label = _column(data, header, 'path'), _column(data, header, 'label')
    split = next((header.index(n) for n in COLUMNS['split'] if n in header), None)
    found: dict[str, Item] = {}
    seen: dict[str, int] = {}
    repeated = 0
    for row, line in zip(rows[1:], lines[1:], strict=True):
        if len(row) != len(header):
            raise ValueError(
                f'{data}:{line}: expected {len(header)} columns, as in the first row, '
                f'but got {len(row)}.'
            )
        item = Item(
            _absolute(data, row[path], line),
            comparable_name(row[label]),
            '' if split is None else _part(data, row[split], line),
        )
        if not item.label:
            raise ValueError(f'{data}:{line}: the label is empty.')
        if item.path in found:
            if found[item.path] != item:
                raise ValueError(
                    f'{data}:{line}: {printable(row[path])} is already listed on line '
                    f'{seen[item.path]} with another label or split: an image has one.'
                )
            repeated += 1
        found[item.path], seen[item.path] = item, line
    return _source(data, list(found.values()), repeated, rows[0], split)


def _rows(data: Path) -> tuple[list[list[str]], list[int]]:
    text = read_text(str(data))
    first = text.split('\n', 1)[0]
    delimiter = max(',;\t', key=first.count)
    reader = csv.reader(
        text.splitlines(keepends=True), delimiter=delimiter, strict=True
    )
    rows, lines = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f'{data}:{reader.line_num}: invalid CSV ({error}).') from error
    if len(rows) < 2:
        raise ValueError(f'{data}: there are no rows below the column names.')
    return rows, lines


def _column(data: Path, header: Sequence[str], kind: str) -> int:
    for name in COLUMNS[kind]:
        if name in header:
            return header.index(name)
    near = get_close_matches(kind, header, n=1)
    advice = f' Rename {near[0]!r}?' if near else ''
    raise ValueError(
        f'{data}:1: no column is named {kind!r}; the columns are {quoted(header)}. The '
        f'first row has to name the columns, path,label or path,label,split.{advice}'
    )


def _absolute(data: Path, cell: str, line: int) -> str:
    cell = cell.strip()
    if not cell or '\0' in cell:
        raise ValueError(
            f'{data}:{line}: the path is {"invalid" if cell else "empty"}.'
        )
    return os.path.normpath(os.path.join(data.absolute().parent, cell))


def _part(data: Path, cell: str, line: int) -> str:
    name = cell.strip().lower()
    if name in PART_NAMES:
        return PART_NAMES[name]
    near = get_close_matches(name, PART_NAMES, n=1)
    hint = f' Did you mean {near[0]!r}?' if near else ''
    raise ValueError(
        f'{data}:{line}: the split is {cell!r}, but should be train, val or test.{hint}'
    )


def _source(
    data: Path, items: list[Item], repeated: int, header: list[str], split: int | None
) -> Source:
    labels = {item.label for item in items}
    if len(labels) == 1:
        raise ValueError(
            f'{data}: there is only one class, {printable(labels.pop())}, but a '
            'classifier needs two or more.'
        )
    if split is not None and 'train' not in {item.part for item in items}:
        raise ValueError(
            f'{data}: no row has the split train, so there is nothing to train on.'
        )
    root = os.path.commonpath([os.path.dirname(item.path) for item in items])
    relative = [
        Item(
            os.path.relpath(item.path, root).replace(os.sep, '/'), item.label, item.part
        )
        for item in items
    ]
    relative.sort(key=lambda item: (item.part, item.label, item.path))
    layout = 'a CSV file' + (f', column {header[split]!r}' if split is not None else '')
    remarks = (
        [f'Left out: {repeated} rows that repeat an earlier one.'] if repeated else []
    )
    return Source(data, Path(root), relative, layout, remarks)
