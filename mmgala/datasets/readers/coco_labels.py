"""Reader of single-label annotations in COCO-style JSON, as in iNaturalist."""

import json
from os import PathLike
from typing import Any

import numpy as np

from mmgala.datasets.readers.annotations import (
    Annotations,
    find_invalid_path,
    find_repeated_path,
    listed_as,
    printable,
    read_text,
)
from mmgala.utils.duplicates import find_duplicate

_DUPLICATE_REASONS = {
    'images': 'two images have this id',
    'annotations': 'the image has several annotations; multi-label data sets are not '
    'supported',
    'categories': 'two categories have this id',
}


def read_coco_labels(
    path: str | PathLike[str],
    num_classes: int | None = None,
    default_num_classes: int | None = None,
) -> Annotations:
    """Read ``images``, ``annotations`` and, if present, ``categories``.

    The result has the order of ``images``; annotations may have any order. Labels are
    category ids, which must therefore range from 0 to C - 1.

    Args:
        path: path of the JSON file.
        num_classes: number of classes, C. Defaults to the number of ``categories``.
        default_num_classes: number of classes of a file without ``categories``.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if the file is not valid JSON, or has no images or no annotations;
            if an image has no annotation or several, or an annotation has no image; if
            a category id is out of range; or if a path repeats or is outside the root.
    """
    content = _load(path)
    images = _table(path, content, 'images', ('id', 'file_name'), str)
    categories = _table(path, content, 'annotations', ('image_id', 'category_id'), int)
    _require_same_images(path, images, categories)
    classes = _class_names(path, content)
    num_classes = num_classes or len(classes or ()) or default_num_classes
    if num_classes is None:
        raise ValueError(f"{path}: there are no 'categories'; set `classes`.")
    if classes and len(classes) != num_classes:
        classes = None  # the names do not belong to the requested classes
    for image, category in categories.items():
        if not 0 <= category < num_classes:
            raise ValueError(
                f'{path}: image id {image} has category id {category}, expected 0 to '
                f'{num_classes - 1}.'
            )
    ids, paths = list(images), list(images.values())
    _check_paths(path, ids, paths)
    labels = np.array([categories[image] for image in ids], dtype=np.int64)
    return Annotations(
        paths, labels, lambda i: f'{path}, image id {ids[i]}', num_classes, classes
    )


def _load(path: str | PathLike[str]) -> dict:
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(
            f'{path}:{error.lineno}: invalid JSON ({error.msg} at column '
            f'{error.colno}).'
        ) from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: expected a JSON object with 'images' and 'annotations', but got "
            f'{type(content).__name__}.'
        )
    return content


def _table(
    path: str | PathLike[str],
    content: dict,
    name: str,
    fields: tuple[str, str],
    value_type: type,
) -> dict[Any, Any]:
    """Mapping from the first field of each entry to the second."""
    entries = content.get(name)
    if not isinstance(entries, list) or not entries:
        raise ValueError(f'{path}: there are no {name!r}.')
    key, value = fields
    try:
        table = {entry[key]: entry[value] for entry in entries}
    except (KeyError, TypeError, IndexError):
        table = {}
    if not table or set(map(type, table.values())) != {value_type}:
        index = next(
            i
            for i, entry in enumerate(entries)
            if not isinstance(entry, dict)
            or not isinstance(entry.get(key), int | str)
            or type(entry.get(value)) is not value_type
        )
        raise ValueError(
            f'{path}: entry {index} of {name!r} needs {key!r} and {value!r} '
            f'({value_type.__name__}).'
        )
    if len(table) < len(entries):
        _, second = find_duplicate([entry[key] for entry in entries]) or (0, 0)
        raise ValueError(
            f'{path}: {key} {entries[second][key]}: {_DUPLICATE_REASONS[name]}.'
        )
    return table


def _require_same_images(
    path: str | PathLike[str], images: dict[Any, str], categories: dict[Any, int]
) -> None:
    if images.keys() == categories.keys():
        return
    for image in categories:
        if image not in images:
            raise ValueError(
                f'{path}: an annotation refers to image id {image}, which is not in '
                "'images'."
            )
    unlabelled = [image for image in images if image not in categories]
    raise ValueError(
        f'{path}: image id {unlabelled[0]} ({printable(images[unlabelled[0]])}) has no '
        f'annotation (unlabelled images: {len(unlabelled)}).'
    )


def _class_names(path: str | PathLike[str], content: dict) -> tuple[str, ...] | None:
    entries = content.get('categories')
    if not entries:
        return None
    for entry in entries if isinstance(entries, list) else ():
        # Numbers are accepted as names.
        if isinstance(entry, dict) and isinstance(entry.get('name'), int):
            entry['name'] = str(entry['name'])
    table = _table(path, content, 'categories', ('id', 'name'), str)
    if set(table) != set(range(len(table))):
        wrong = next(i for i in table if i not in range(len(table)))
        raise ValueError(
            f"{path}: expected the ids of 'categories' to be 0 to {len(table) - 1}, "
            f'but got {wrong}.'
        )
    return tuple(table[i] for i in range(len(table)))


def _check_paths(path: str | PathLike[str], ids: list[Any], paths: list[str]) -> None:
    problem = find_invalid_path(paths)
    if problem is not None:
        raise ValueError(f'{path}: image id {ids[problem[0]]}: {problem[1]}.')
    duplicate = find_repeated_path(paths)
    if duplicate is not None:
        first, second = duplicate
        raise ValueError(
            f'{path}: image ids {ids[first]} and {ids[second]} have the same path, '
            f'{printable(paths[second])}{listed_as(paths[first], paths[second])}.'
        )
