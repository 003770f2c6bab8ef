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
from mmgala.detection.lvis.categories import labels_by_name, renames
from mmgala.registry import DATASETS
from mmgala.utils.files import read_bytes

FREQUENCIES = ('r', 'c', 'f')
FEDERATED = ('neg_category_ids', 'not_exhaustive_category_ids')
_COCO_HOST = 'http://images.cocodataset.org/'
_MAX_NAMES = 5  # class names in a warning
_KEYS = dict(
    categories=('id', 'name'),
    images=('id', 'height', 'width'),
    annotations=('id', 'image_id', 'category_id', 'bbox', 'area'),
)


def read_lvis(path: str, backend_args: dict | None = None) -> dict[str, list[dict]]:
    """Read and check an annotation file in LVIS format.

    The format is that of COCO with three more fields: the ``frequency`` of each
    category in the training set (``'r'``, ``'c'`` or ``'f'``), and for each image
    ``neg_category_ids`` (classes verified to be absent) and
    ``not_exhaustive_category_ids`` (classes of which not all instances are annotated).

    Args:
        path: path of the JSON file.
        backend_args: arguments of MMEngine's file client.

    Returns:
        ``images``, ``annotations`` and ``categories``; the latter sorted by id.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if it is not valid JSON, is in COCO format, or is inconsistent.
    """
    content = _read_json(path, backend_args)
    if not isinstance(content, dict) or not all(
        isinstance(content.get(part), list) for part in _KEYS
    ):
        raise ValueError(
            f'{path}: expected a file in LVIS format with the lists '
            f'{", ".join(sorted(_KEYS))}.'
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
        with get_local_path(path, backend_args=backend_args) as local:
            return json.loads(read_bytes(local))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f'{path}: invalid JSON ({error}). Download or write the file again.'
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
        # `isinstance` would accept `True`.
        if type(item['id']) is not int:
            raise ValueError(
                f'{path}: {part}[{index}] has id {item["id"]!r}; ids must be integers.'
            )
        if item['id'] in seen:
            raise ValueError(f'{path}: id {item["id"]} occurs twice in {part}.')
        seen.add(item['id'])


def _require_federated(path: str, content: dict) -> None:
    categories, images = content['categories'], content['images']
    if not any('frequency' in c for c in categories) and not any(
        key in image for image in images for key in FEDERATED
    ):
        raise ValueError(
            f"{path}: not an LVIS file (no category has 'frequency', and no image has "
            "'neg_category_ids'). Use an LVIS file, or for a file in COCO format "
            "'mmdet.CocoDataset' and 'mmdet.CocoMetric'."
        )
    _require_keys(path, 'images', images, FEDERATED)
    _require_keys(path, 'categories', categories, ('frequency',))
    for category in categories:
        if category['frequency'] not in FREQUENCIES:
            raise ValueError(
                f'{path}: category {category["id"]} ({category["name"]}) has frequency '
                f"{category['frequency']!r}; expected 'r', 'c' or 'f'."
            )


def _require_known(path: str, content: dict, part: str, key: str) -> None:
    known = {item['id'] for item in content[part]}
    used = [annotation[key] for annotation in content['annotations']]
    if set(used) <= known:
        return
    bad = int(np.argmax([value not in known for value in used]))
    raise ValueError(
        f'{path}: annotation {content["annotations"][bad]["id"]} has {key} '
        f'{used[bad]}, which is not in {part}: add it, or remove the annotation.'
    )


@DATASETS.register_module()
class LVISDataset(CocoDataset):
    """Detection data set with boxes and masks, read from a file in LVIS format.

    It replaces MMDetection's ``LVISV1Dataset`` and does not need the package ``lvis``.
    Labels are 0 to C - 1 in the order of category ids, which may have gaps. Class names
    come from the file. ``metainfo=dict(classes=...)`` are those of other data, such as
    the training set: labels are then indices into them, by name, and the file may lack
    categories. Names that replace those of the file, one for each and in the order of
    ids, rename them.
    Image paths, relative to ``data_prefix['img']``, are taken from ``coco_url`` if it
    points to COCO's server, otherwise from ``file_name``.

    ``metainfo`` also contains for each class

    * ``frequency``: ``'r'``, ``'c'`` or ``'f'``, as in the file, or None if the file
      lacks the class;
    * ``class_counts``: number of instances used in training, without crowds and empty
      boxes, after ``filter_cfg`` but before ``indices``. It is absent with
      ``test_mode=True``, as the file then is not the training set. To concatenate data
      sets with different counts, pass ``ignore_keys=['class_counts']`` to
      ``ConcatDataset``.

    Samples have ``neg_category_ids`` and ``not_exhaustive_category_ids``, which are
    category ids of the file rather than labels.

    Args:
        *args: passed to MMDetection's ``CocoDataset``.
        **kwargs: passed to MMDetection's ``CocoDataset``.

    Raises:
        FileNotFoundError: if the annotation file does not exist.
        ValueError: if the file is not valid JSON, is in COCO format, is inconsistent,
            or does not match the classes in ``metainfo``.
    """

    METAINFO = dict(palette=None)

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file; return one dictionary per image."""
        content = read_lvis(self.ann_file, self.backend_args)
        self._set_classes(content)
        # MMEngine's default key is `img_path`, but MMDetection reads `img`.
        self.data_prefix.setdefault('img', self.data_prefix.get('img_path', ''))
        images = sorted(content['images'], key=lambda image: image['id'])
        paths = self._paths(images)
        annotations: dict[int, list[dict]] = defaultdict(list)
        self.cat_img_map: dict[int, list[int]] = defaultdict(list)
        for annotation in content['annotations']:
            annotations[annotation['image_id']].append(annotation)
            self.cat_img_map[annotation['category_id']].append(annotation['image_id'])
        return [
            self.parse_data_info(
                dict(
                    raw_img_info={**image, 'img_id': image['id'], 'file_name': path},
                    raw_ann_info=annotations[image['id']],
                )
            )
            for image, path in zip(images, paths, strict=True)
        ]

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Parse an image as MMDetection does, and add the federated fields."""
        info = super().parse_data_info(raw_data_info)
        for key in FEDERATED:
            info[key] = raw_data_info['raw_img_info'][key]
        return info

    def filter_data(self) -> list[dict]:
        """Filter by ``filter_cfg``, then count the instances of each class."""
        kept = super().filter_data()
        if not self.test_mode:
            labels = [
                instance['bbox_label']
                for info in kept
                for instance in info['instances']
                if not instance['ignore_flag']
            ]
            counts = np.bincount(
                np.array(labels, dtype=np.int64),
                minlength=len(self._metainfo['classes']),
            )
            self._metainfo['class_counts'] = counts.tolist()
            self._warn_about_empty_classes(counts)
        return kept

    def _warn_about_empty_classes(self, counts: np.ndarray) -> None:
        empty = np.flatnonzero(counts == 0)
        if not len(empty):
            return
        names = [self._metainfo['classes'][c] for c in empty[:_MAX_NAMES]]
        end = ', ...' if len(empty) > _MAX_NAMES else '.'
        print_log(
            f'{self.ann_file}: {len(empty)} of {len(counts)} classes have no training '
            f'instances: {", ".join(names)}{end}',
            logger='current',
            level=logging.WARNING,
        )

    def _set_classes(self, content: dict[str, list[dict]]) -> None:
        """Set the label of each category: by name, or by position if renamed."""
        categories = content['categories']
        names = tuple(category['name'] for category in categories)
        given = tuple(map(str, self._metainfo.get('classes') or names))
        if renames(categories, given):
            labels = {category['id']: c for c, category in enumerate(categories)}
            self._metainfo['renamed_classes'] = dict(zip(names, given, strict=True))
        else:
            used = {annotation['category_id'] for annotation in content['annotations']}
            labels = labels_by_name(self.ann_file, categories, given, used)
        frequency = {labels.get(c['id']): c['frequency'] for c in categories}
        self._metainfo['classes'] = given
        self._metainfo['frequency'] = [frequency.get(c) for c in range(len(given))]
        self._set_labels(labels)

    def _set_labels(self, labels: dict[int, int]) -> None:
        self.cat2label = labels
        classes = self._metainfo['classes']
        self._name_of = {id_: classes[label] for id_, label in labels.items()}
        self.cat_ids = sorted(labels, key=labels.__getitem__)

    def reload_labels(self) -> None:
        """Give the categories their labels, after classes were put in another order."""
        position = {name: c for c, name in enumerate(self._metainfo['classes'])}
        names = self._name_of.items()
        self._set_labels({id_: position[n] for id_, n in names if n in position})

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
                f'{self.ann_file}: image {images[bad[0]]["id"]}: {bad[1]} (from '
                '`coco_url` or `file_name`).'
            )
        return paths
