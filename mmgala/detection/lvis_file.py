"""LVIS annotation files: read, and checked before anything else starts."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from mmengine.fileio import exists, get_local_path

FREQUENCIES = ('r', 'c', 'f')
FEDERATED = ('neg_category_ids', 'not_exhaustive_category_ids')
_KEYS = dict(
    categories=('id', 'name'),
    images=('id', 'height', 'width'),
    annotations=('id', 'image_id', 'category_id', 'bbox', 'area'),
)


def read_lvis(path: str, backend_args: dict | None = None) -> dict[str, list[dict]]:
    """Content of an annotation file in LVIS format.

    That is COCO's format and three fields more: each category's ``frequency`` (``'r'``,
    ``'c'`` or ``'f'``, of the training set), each image's ``neg_category_ids`` (looked
    for and not there) and ``not_exhaustive_category_ids`` (not all instances are
    annotated).

    Args:
        path: JSON file.
        backend_args: of MMEngine's file client.

    Returns:
        ``images``, ``annotations`` and ``categories``, the last in order of their ids.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no JSON, is in COCO's format, or contradicts itself.
    """
    content = _read_json(path, backend_args)
    if not isinstance(content, dict) or not all(
        isinstance(content.get(part), list) for part in _KEYS
    ):
        raise ValueError(
            f'{path}: expected the lists {", ".join(sorted(_KEYS))}, as an annotation '
            'file in LVIS format has them.'
        )
    for part, keys in _KEYS.items():
        _require_keys(path, part, content[part], keys)
        _require_unique_ids(path, part, content[part])
    if not content['categories'] or not content['images']:
        raise ValueError(f'{path}: there are no images or no categories.')
    _require_federated(path, content)
    for part, key in (('categories', 'category_id'), ('images', 'image_id')):
        _require_known(path, content, part, key)
    categories = sorted(content['categories'], key=lambda category: category['id'])
    return {**content, 'categories': categories}


def _read_json(path: str, backend_args: dict | None) -> Any:
    if not exists(path, backend_args=backend_args):
        raise FileNotFoundError(
            f'{path}: no such annotation file. Check `ann_file` and `data_root`.'
        )
    try:
        with (
            get_local_path(path, backend_args=backend_args) as local,
            open(local, encoding='utf-8') as file,
        ):
            return json.load(file)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f'{path}: the file is no JSON ({error}). Download or write it again.'
        ) from error


def _require_keys(
    path: str, part: str, items: Sequence[dict], keys: Iterable[str]
) -> None:
    wanted = set(keys)
    for index, item in enumerate(items):
        if not isinstance(item, dict) or not wanted <= item.keys():
            has = item.keys() if isinstance(item, dict) else ()
            missing = next(key for key in keys if key not in has)
            raise ValueError(f'{path}: {part}[{index}] has no {missing!r}.')


def _require_unique_ids(path: str, part: str, items: Sequence[dict]) -> None:
    seen: set = set()
    for index, item in enumerate(items):
        # `True` would pass as an integer.
        if type(item['id']) is not int:
            raise ValueError(
                f'{path}: {part}[{index}] has the id {item["id"]!r}; ids are integers.'
            )
        if item['id'] in seen:
            raise ValueError(f'{path}: the id {item["id"]} is there twice in {part}.')
        seen.add(item['id'])


def _require_federated(path: str, content: dict) -> None:
    categories, images = content['categories'], content['images']
    if not any('frequency' in c for c in categories) and not any(
        key in image for image in images for key in FEDERATED
    ):
        raise ValueError(
            f"{path}: this is no LVIS file (no category has a 'frequency', no image "
            "'neg_category_ids'). For a file in COCO format use type="
            "'mmdet.CocoDataset' and 'mmdet.CocoMetric', or give an LVIS file."
        )
    _require_keys(path, 'images', images, FEDERATED)
    _require_keys(path, 'categories', categories, ('frequency',))
    for category in categories:
        if category['frequency'] not in FREQUENCIES:
            raise ValueError(
                f'{path}: category {category["id"]} ({category["name"]}) has the '
                f"frequency {category['frequency']!r}; known are 'r', 'c' and 'f'."
            )


def _require_known(path: str, content: dict, part: str, key: str) -> None:
    known = {item['id'] for item in content[part]}
    used = [annotation[key] for annotation in content['annotations']]
    if set(used) <= known:
        return
    bad = int(np.argmax([value not in known for value in used]))
    raise ValueError(
        f'{path}: the annotation with id {content["annotations"][bad]["id"]} has the '
        f'{key} {used[bad]}, which is not among the {part}. Add it there or remove the '
        'annotation.'
    )
