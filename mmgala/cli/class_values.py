"""Files with a value for each class, in the order of the classes or by their names."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from mmgala.utils.arrays import UNREADABLE, read_npy
from mmgala.utils.class_names import (
    comparable_name,
    list_names,
    number_out_of_place,
)
from mmgala.utils.duplicates import find_duplicate
from mmgala.utils.files import check_readable

Classes = Sequence[str] | Callable[[], Sequence[str]]
Pairs = list[tuple[str, str]]


def read_class_vector(path: str, classes: Classes = ()) -> list[float]:
    """Read one number per class.

    Args:
        path: JSON list, ``.npy`` or text with one number per line, in the order of the
            classes; or a JSON object or a CSV file with two columns, which name them.
        classes: names of the training classes, or a function that returns them; empty
            if they are unknown.

    Returns:
        Numbers in the order of the classes.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if its content is not one number per class, or class names are
            missing, repeated or unknown, or needed because the classes are numbers in
            another order.
    """
    if not os.path.exists(path) or os.path.isdir(path):
        raise FileNotFoundError(f'{path} does not exist.')
    check_readable(path)
    try:
        named = read_named_values(path)
        values = _read_list(path) if named is None else np.zeros(0)
    except (TypeError, *UNREADABLE) as error:
        raise ValueError(
            f'{path} does not contain one number per class ({error}).'
        ) from error
    known = classes() if callable(classes) else classes
    if named is not None:
        return in_class_order(path, named, known)
    _check_order(path, known)
    if values.ndim != 1:
        raise ValueError(
            f'{path} does not contain one number per class, but has shape '
            f'{values.shape}.'
        )
    return values.tolist()


def _check_order(path: str, classes: Sequence[str]) -> None:
    """Refuse a list for classes that are numbers, but not in numeric order."""
    moved = number_out_of_place(map(comparable_name, classes))
    if moved is not None:
        raise ValueError(
            f'{path} has no class names, and the training classes are numbers that are '
            f'not in numeric order: {list_names(classes)}. Value {moved[0]} (from 0) '
            f'would be that of class {moved[1]!r}. Name the classes: in a CSV file '
            'with rows CLASS,VALUE, or a JSON object.'
        )


def _read_list(path: str) -> np.ndarray:
    if path.endswith('.json'):
        return np.asarray(json.loads(Path(path).read_text()), dtype=np.float64)
    if path.endswith('.npy'):
        return np.asarray(read_npy(path), dtype=np.float64)
    return np.loadtxt(path, dtype=np.float64, ndmin=1)


def read_named_values(path: str) -> Pairs | None:
    """Read a JSON object, or a table of two columns: class name and value.

    Args:
        path: path of the file. A table is text in CSV format, with or without a row of
            column names.

    Returns:
        Names and values as text; None if the file has another form, such as a list.

    Raises:
        ValueError: if the file is not text, or neither JSON nor a table.
    """
    if path.endswith('.npy'):
        return None
    text = Path(path).read_text(encoding='utf-8-sig')
    if path.endswith('.json'):
        content = json.loads(text, object_pairs_hook=_Object)
        if not isinstance(content, _Object):
            return None
        return [(str(name), str(value)) for name, value in content.pairs]
    lines = [line for line in text.splitlines() if not line.startswith('#')]
    if not any(',' in line for line in lines):
        return None
    try:
        rows = [row for row in csv.reader(lines, strict=True) if row]
    except csv.Error as error:
        raise ValueError(f'invalid CSV: {error}') from error
    wrong = next((row for row in rows if len(row) != 2), None)
    if wrong is not None:
        raise ValueError(f'expected a class name and a value in each row, not {wrong}')
    return [(name, value.strip()) for name, value in rows]


class _Object:
    """A JSON object with all of its pairs: a dictionary would drop repeated names."""

    def __init__(self, pairs: Iterable[tuple[str, object]]) -> None:
        self.pairs = list(pairs)


def in_class_order(path: str, pairs: Pairs, classes: Sequence[str]) -> list[float]:
    """Values in the order of the training classes.

    Args:
        path: path of the file, for messages.
        pairs: names and values; a first pair without a number is a row of column names.
        classes: names of the training classes, ``(C,)``.

    Returns:
        C values.

    Raises:
        ValueError: if the classes are unknown, a name is missing, unknown or repeated,
            or a value is not a number.
    """
    if not classes:
        raise ValueError(
            f'{path} names classes, but the names of the training classes are unknown: '
            'give a list with one number per class, in the order of the classes.'
        )
    if pairs and not _is_number(pairs[0][1]) and pairs[0][0] not in classes:
        pairs = pairs[1:]
    found = [comparable_name(name) for name, _ in pairs]
    wanted = [comparable_name(name) for name in classes]
    unknown = [name for name in found if name not in set(wanted)]
    missing = [name for name in wanted if name not in set(found)]
    for problem, names in (('unknown', unknown), ('missing', missing)):
        if names:
            raise ValueError(
                f'{path}: {len(names)} class names are {problem}: {list_names(names)}. '
                f'Give one value for each of the {len(classes)} training classes: '
                f'{list_names(classes)}.'
            )
    duplicate = find_duplicate(found)
    if duplicate is not None:
        raise ValueError(
            f'{path}: class {found[duplicate[0]]!r} occurs twice: give one value per '
            'class.'
        )
    values = dict(zip(found, (value for _, value in pairs), strict=True))
    for name, value in values.items():
        if not _is_number(value):
            raise ValueError(
                f'{path}: expected a number for class {name!r}, not {value!r}.'
            )
    return [float(values[name]) for name in wanted]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
