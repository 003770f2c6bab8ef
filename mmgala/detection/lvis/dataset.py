"""Data sets in LVIS format, of any number of classes."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from mmdet.datasets import CocoDataset
from mmengine.fileio import exists, get_local_path
from mmengine.logging import print_log

from mmgala.datasets.readers.annotations import find_invalid_path
from mmgala.registry import DATASETS

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


_COCO_HOST = 'http://images.cocodataset.org/'
_NAMED = 5


@DATASETS.register_module()
class LVISDataset(CocoDataset):
    """Images, boxes and masks of an annotation file in LVIS format.

    Takes the place of MMDetection's ``LVISV1Dataset`` in its configs; the package
    ``lvis`` is not needed. Labels are 0 to C - 1 in the order of the category ids,
    which may have gaps. Class names come from the file, unless
    ``metainfo=dict(classes=...)`` gives as many others, in the same order. An image's
    file is the path in its ``coco_url`` if that is one of COCO's, else its
    ``file_name``, below ``data_prefix['img']``.

    ``metainfo`` also holds, per class,

    * ``frequency``: ``'r'``, ``'c'`` or ``'f'``, as the file has it;
    * ``class_counts``: annotated instances that training gets to see: without crowds
      and boxes without area, after ``filter_cfg``, before ``indices``. Not with
      ``test_mode=True``, where the file is not the training set's. To join data sets
      that differ in it, give ``ConcatDataset`` ``ignore_keys=['class_counts']``.

    Each sample keeps ``neg_category_ids`` and ``not_exhaustive_category_ids``, as
    category ids of the file.

    Args:
        *args: as for MMDetection's ``CocoDataset``.
        **kwargs: as for MMDetection's ``CocoDataset``.

    Raises:
        FileNotFoundError: if there is no such annotation file.
        ValueError: if the file is no JSON, is in COCO's format, or contradicts itself
            or the classes given.
    """

    METAINFO = dict(palette=None)

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file; one dictionary per image."""
        content = read_lvis(self.ann_file, self.backend_args)
        self._set_classes(content['categories'])
        # MMEngine's default names the folder `img_path`, MMDetection reads `img`.
        self.data_prefix.setdefault('img', self.data_prefix.get('img_path', ''))
        images = sorted(content['images'], key=lambda image: image['id'])
        paths = self._paths(images)
        of_image: dict[int, list[dict]] = defaultdict(list)
        self.cat_img_map: dict[int, list[int]] = defaultdict(list)
        for annotation in content['annotations']:
            of_image[annotation['image_id']].append(annotation)
            self.cat_img_map[annotation['category_id']].append(annotation['image_id'])
        return [
            self.parse_data_info(
                dict(
                    raw_img_info={**image, 'img_id': image['id'], 'file_name': path},
                    raw_ann_info=of_image[image['id']],
                )
            )
            for image, path in zip(images, paths, strict=True)
        ]

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """As MMDetection does, and what is known of the image's other classes."""
        info = super().parse_data_info(raw_data_info)
        for key in FEDERATED:
            info[key] = raw_data_info['raw_img_info'][key]
        return info

    def filter_data(self) -> list[dict]:
        """Filter by ``filter_cfg``, then count what is left of each class."""
        kept = super().filter_data()
        if not self.test_mode:
            labels = [
                instance['bbox_label']
                for info in kept
                for instance in info['instances']
                if not instance['ignore_flag']
            ]
            counts = np.bincount(
                np.array(labels, dtype=np.int64), minlength=len(self.cat_ids)
            )
            self._metainfo['class_counts'] = counts.tolist()
            self._warn_of_empty(counts)
        return kept

    def _warn_of_empty(self, counts: np.ndarray) -> None:
        empty = np.flatnonzero(counts == 0)
        if not len(empty):
            return
        names = [self._metainfo['classes'][c] for c in empty[:_NAMED]]
        end = ', ...' if len(empty) > _NAMED else '.'
        print_log(
            f'{self.ann_file}: {len(empty)} of {len(counts)} classes have no '
            f'annotations to learn from: {", ".join(names)}{end}',
            logger='current',
            level=logging.WARNING,
        )

    def _set_classes(self, categories: Sequence[dict]) -> None:
        names = tuple(category['name'] for category in categories)
        given = tuple(self._metainfo.get('classes', names))
        if len(given) != len(names):
            raise ValueError(
                f'{self.ann_file}: there are {len(names)} categories, but `metainfo` '
                f'gives {len(given)} classes. Leave `classes` out to take the names '
                "of the file, and set the heads' num_classes to their number."
            )
        if given != names and sorted(given) == sorted(names):
            raise ValueError(
                f'{self.ann_file}: the classes in `metainfo` are in another order than '
                'the category ids, which order the labels. Leave `classes` out to take '
                'the names of the file.'
            )
        self.cat_ids = [category['id'] for category in categories]
        self.cat2label = {cat_id: label for label, cat_id in enumerate(self.cat_ids)}
        self._metainfo['classes'] = given
        self._metainfo['frequency'] = [c['frequency'] for c in categories]

    def _paths(self, images: Sequence[dict]) -> list[str]:
        paths = []
        for image in images:
            url = image.get('coco_url', '')
            path = (
                url.removeprefix(_COCO_HOST)
                if url.startswith(_COCO_HOST)
                else image.get('file_name', '')
            )
            paths.append(path)
        bad = find_invalid_path(paths)
        if bad:
            raise ValueError(
                f'{self.ann_file}: image {images[bad[0]]["id"]}: {bad[1]} (of '
                '`coco_url` or `file_name`).'
            )
        return paths
