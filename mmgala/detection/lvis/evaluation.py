"""Average precision with federated annotation, computed class by class.

Matching and accumulation are done by ``faster-coco-eval``. Like the original ``lvis``,
it stores a result for every pair of image and class, 24 million on LVIS's validation
set. To save memory, it gets one class at a time, with only the images relevant to it.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from faster_coco_eval import mask as mask_utils
from rich.console import Console
from rich.progress import track

from mmgala.detection.lvis.dataset import FREQUENCIES

AREAS = ('', 's', 'm', 'l')  # suffixes of COCO's area ranges: all, small, medium, large


@dataclass(frozen=True)
class Detections:
    """N detections.

    Attributes:
        image: ``(N,)`` int64 image indices.
        category: ``(N,)`` int64 labels.
        score: ``(N,)`` scores.
        area: ``(N,)`` float64 areas of the boxes or masks, in square pixels.
        box: ``(N, 4)`` float64 boxes in pixels (left, top, width, height), or None.
        mask: ``(N,)`` compressed run-length encodings, or None.
    """

    image: np.ndarray
    category: np.ndarray
    score: np.ndarray
    area: np.ndarray
    box: np.ndarray | None = None
    mask: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.image)

    def take(self, index: np.ndarray) -> 'Detections':
        """Select detections by indices or by a boolean mask."""
        columns = vars(self).items()
        return replace(self, **{name: c[index] for name, c in columns if c is not None})


def gather_detections(
    results: Sequence[dict], image_index: dict[int, int], iou_type: str
) -> Detections:
    """Collect the predictions for all images in one table.

    Args:
        results: one dictionary per image with ``img_id``, ``bboxes`` (``(n, 4)``
            corners), ``scores``, ``labels`` and, to evaluate masks, ``masks`` and
            optionally ``mask_scores``, which replace ``scores``.
        image_index: index of each image by id.
        iou_type: ``'bbox'`` or ``'segm'``.

    Raises:
        ValueError: if an image is unknown, or masks are missing.
    """
    for result in results:
        if result['img_id'] not in image_index:
            raise ValueError(
                f'Image {result["img_id"]} has predictions, but is not in `ann_file`: '
                'set it to the annotation file of the test set.'
            )
    number = [len(result['labels']) for result in results]
    image = np.repeat([image_index[r['img_id']] for r in results], number)
    category = _concatenate([r['labels'] for r in results], np.int64)
    if iou_type == 'bbox':
        score = _concatenate([r['scores'] for r in results])
        box = _concatenate([r['bboxes'].reshape(-1, 4) for r in results])
        # Converted before the subtraction, as when MMDetection writes boxes to JSON.
        box = box.reshape(-1, 4).astype(np.float64)
        box[:, 2:] -= box[:, :2]
        return Detections(image, category, score, box[:, 2] * box[:, 3], box)
    if any('masks' not in result for result in results):
        raise ValueError(
            "metric='segm' needs masks, but the model predicts none: use "
            "metric='bbox', or a model with a mask head."
        )
    score = _concatenate([r.get('mask_scores', r['scores']) for r in results])
    mask = np.empty(len(image), dtype=object)
    mask[:] = [mask for result in results for mask in result['masks']]
    # Not by pycocotools, which is wrong for more than 255 masks in version 2.0.11.
    area = np.asarray(mask_utils.area(mask.tolist()), dtype=np.float64)
    return Detections(image, category, score, area, mask=mask)


def _concatenate(arrays: Sequence[np.ndarray], dtype: type = np.float32) -> np.ndarray:
    arrays = [array for array in arrays if len(array)]
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)


def best_of_each(group: np.ndarray, score: np.ndarray, limit: int) -> np.ndarray:
    """Find the highest scores of each group; among equal scores, the first.

    Args:
        group: ``(N,)`` integer group of each score.
        score: ``(N,)`` scores.
        limit: maximum number of scores to keep per group.

    Returns:
        Indices of the kept scores, ascending.

    Example:
        >>> best_of_each(np.array([0, 0, 1, 0]), np.array([.2, .5, .1, .5]), 2).tolist()
        [1, 2, 3]
    """
    order = np.lexsort((-score, group))
    position = np.arange(len(order))
    ordered = group[order]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    start = np.maximum.accumulate(np.where(starts, position, 0))
    return np.sort(order[position - start < limit])


class LVISGroundTruth:
    """Ground truth of a file, sorted by image id and label.

    Args:
        content: content of the file, from
            :func:`mmgala.detection.lvis.dataset.read_lvis`.
        labels: label of each category by id; others have none. Defaults to the order of
            ids.
        num_classes: number of classes, C. Defaults to the number of categories.

    Attributes:
        categories: the category of each label; None if the file lacks it.
    """

    def __init__(
        self,
        content: dict[str, list[dict]],
        labels: dict[int, int] | None = None,
        num_classes: int | None = None,
    ) -> None:
        self.content = content
        in_order = sorted(content['categories'], key=lambda item: item['id'])
        if labels is None:
            labels = {item['id']: label for label, item in enumerate(in_order)}
        self.label = labels
        self.categories: list[dict | None] = [None] * (num_classes or len(in_order))
        for item in in_order:
            if item['id'] in labels:
                self.categories[labels[item['id']]] = item
        self.images = sorted(content['images'], key=lambda item: item['id'])
        self.image_index = {image['id']: i for i, image in enumerate(self.images)}
        self.of_class: dict[int, list[dict]] = defaultdict(list)
        for annotation in content['annotations']:
            # As in the original, annotations without area are dropped.
            if annotation['area'] > 0 and annotation['category_id'] in labels:
                self.of_class[labels[annotation['category_id']]].append(annotation)
        self._judged = self._judged_pairs()

    def category(self, label: int) -> dict:
        """Category of a label that the file has."""
        category = self.categories[label]
        assert category is not None
        return category

    def groups(self) -> dict[str, np.ndarray]:
        """Labels of the rare (``'r'``), common and frequent classes."""
        frequency = np.array([c['frequency'] if c else '' for c in self.categories])
        return {name: np.flatnonzero(frequency == name) for name in FREQUENCIES}

    def is_judged(self, detections: Detections) -> np.ndarray:
        """Whether the class of each detection is annotated or verified absent.

        Returns:
            ``(N,)`` bool. Other detections are neither true nor false positives.
        """
        pair = detections.image * len(self.categories) + detections.category
        return np.isin(pair, self._judged)

    def _judged_pairs(self) -> np.ndarray:
        pairs = {
            (self.image_index[annotation['image_id']], label)
            for label, annotations in self.of_class.items()
            for annotation in annotations
        }
        pairs |= {
            (i, self.label[category])
            for i, image in enumerate(self.images)
            for category in image['neg_category_ids']
            if category in self.label
        }
        flat = [i * len(self.categories) + label for i, label in pairs]
        return np.array(flat, dtype=np.int64)


@dataclass(frozen=True)
class Curves:
    """Precision and recall for T thresholds, R recall levels, C classes, 4 area ranges.

    Attributes:
        iou_thrs: ``(T,)`` thresholds of intersection over union.
        precision: ``(T, R, C, 4)`` in [0, 1]; -1 if a class has no instance in a range.
        recall: ``(T, C, 4)`` in [0, 1]; -1 if a class has no instance in a range.
    """

    iou_thrs: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def summary(self, groups: dict[str, np.ndarray]) -> dict[str, float]:
        """Summary numbers of the original ``lvis``; -1 without instances.

        Args:
            groups: labels of the classes in each frequency group.

        Returns:
            ``AP``, ``AP50``, ``AP75``, ``APs``, ``APm``, ``APl``, ``APr``, ``APc``,
            ``APf``, ``AR``, ``ARs``, ``ARm`` and ``ARl``, in [0, 1].
        """
        result = {'AP': _mean(self.precision[..., 0])}
        for percent in (50, 75):
            at = np.isclose(self.iou_thrs, percent / 100)
            result[f'AP{percent}'] = _mean(self.precision[at][..., 0])
        for i, area in enumerate(AREAS[1:], start=1):
            result[f'AP{area}'] = _mean(self.precision[..., i])
        for name, labels in groups.items():
            result[f'AP{name}'] = _mean(self.precision[:, :, labels, 0])
        for i, area in enumerate(AREAS):
            result[f'AR{area}'] = _mean(self.recall[..., i])
        return result

    def class_precisions(self) -> list[float]:
        """AP of each class; -1 without instances."""
        number = self.precision.shape[2]
        return [_mean(self.precision[:, :, c, 0]) for c in range(number)]


def _mean(values: np.ndarray) -> float:
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0


def evaluate_lvis(
    truth: LVISGroundTruth,
    detections: Detections,
    iou_type: str,
    iou_thrs: Sequence[float] | np.ndarray,
) -> Curves:
    """Match detections to the ground truth and compute precision and recall.

    Args:
        truth: ground truth.
        detections: detections, already limited in number.
        iou_type: ``'bbox'`` or ``'segm'``.
        iou_thrs: ascending thresholds of intersection over union.
    """
    kept = (detections.area > 0) & truth.is_judged(detections)
    detections = detections.take(kept)
    order = np.argsort(detections.category, kind='stable')
    bounds = np.searchsorted(
        detections.category[order], np.arange(len(truth.categories) + 1)
    )
    thresholds = np.asarray(iou_thrs, dtype=np.float64)
    shape = (len(thresholds), len(truth.categories), len(AREAS))
    precision = np.full((shape[0], 101, *shape[1:]), -1.0)
    recall = np.full(shape, -1.0)
    classes = sorted(label for label, found in truth.of_class.items() if found)
    # Not standard output, which may be piped.
    console = Console(file=sys.stderr)
    for label in track(classes, f'LVIS {iou_type}, classes', console=console):
        index = order[bounds[label] : bounds[label + 1]]
        curves = _evaluate_class(
            truth, label, detections.take(index), iou_type, thresholds
        )
        precision[:, :, label] = curves['precision'][:, :, 0, :, 0]
        recall[:, label] = curves['recall'][:, 0, :, 0]
    return Curves(thresholds, precision, recall)


def _evaluate_class(
    truth: LVISGroundTruth,
    label: int,
    detections: Detections,
    iou_type: str,
    iou_thrs: np.ndarray,
) -> dict[str, np.ndarray]:
    """Precision ``(T, R, 1, 4, 1)`` and recall ``(T, 1, 4, 1)`` of one class."""
    shape_of = 'bbox' if iou_type == 'bbox' else 'segmentation'
    found = _as_annotations(truth, label, detections, shape_of)
    wanted = _as_ground_truth(truth.of_class[label], shape_of)
    ids = sorted({item['image_id'] for item in [*wanted, *found]})
    images = [truth.images[truth.image_index[i]] for i in ids]
    categories = [truth.category(label)]
    ground_truth = COCO(dict(images=images, annotations=wanted, categories=categories))
    detected = COCO(dict(images=images, annotations=found, categories=categories))
    evaluation = COCOeval_faster(
        ground_truth, detected, iou_type, lvis_style=True, print_function=_discard
    )
    evaluation.params.iouThrs = iou_thrs
    # No limit here, as the number of detections was limited over all classes.
    evaluation.params.maxDets = [max(1, len(found))]
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval


def _discard(*_: Any) -> None:
    pass


def _as_ground_truth(annotations: Sequence[dict], shape_of: str) -> list[dict]:
    # Ids start from 1, as 0 means "not matched". As in the original, `iscrowd` has no
    # effect; annotations with `ignore` get an area outside of all ranges.
    return [
        dict(
            id=number,
            image_id=annotation['image_id'],
            category_id=annotation['category_id'],
            area=-1 if annotation.get('ignore') else annotation['area'],
            **{shape_of: annotation[shape_of]},
        )
        for number, annotation in enumerate(annotations, start=1)
    ]


def _as_annotations(
    truth: LVISGroundTruth, label: int, detections: Detections, shape_of: str
) -> list[dict]:
    shapes = detections.mask if detections.box is None else detections.box
    assert shapes is not None
    columns = (detections.image, detections.score, detections.area, shapes)
    category = truth.category(label)['id']
    return [
        {
            'id': number,
            'image_id': truth.images[image]['id'],
            'category_id': category,
            'score': score,
            'area': area,
            shape_of: shape,
        }
        for number, (image, score, area, shape) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True), start=1
        )
    ]
