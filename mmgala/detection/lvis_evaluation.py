"""Average precision with federated annotation, a class at a time.

Matching and accumulation are those of ``faster-coco-eval``. It, like the original
``lvis``, keeps something for every pair of image and class, 24 million on LVIS's
validation set; given one class, and only the images that have to do with it, its memory
is that of the class.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from rich.console import Console
from rich.progress import track

from mmgala.detection.lvis_detections import Detections
from mmgala.detection.lvis_file import FREQUENCIES

AREAS = ('', 's', 'm', 'l')


class LVISGroundTruth:
    """What an annotation file says, in order of the ids of images and categories.

    Args:
        content: see :func:`mmgala.detection.lvis_file.read_lvis`.
    """

    def __init__(self, content: dict[str, list[dict]]) -> None:
        self.categories = sorted(content['categories'], key=lambda item: item['id'])
        self.images = sorted(content['images'], key=lambda item: item['id'])
        self.image_index = {image['id']: i for i, image in enumerate(self.images)}
        self.label = {item['id']: c for c, item in enumerate(self.categories)}
        self.of_class: dict[int, list[dict]] = defaultdict(list)
        for annotation in content['annotations']:
            # As in the original, what has no area is not there.
            if annotation['area'] > 0:
                label = self.label[annotation['category_id']]
                self.of_class[label].append(annotation)
        self._judged = self._judged_pairs()

    def groups(self) -> dict[str, np.ndarray]:
        """Labels of the rare (``'r'``), common and frequent classes."""
        frequency = np.array([category['frequency'] for category in self.categories])
        return {name: np.flatnonzero(frequency == name) for name in FREQUENCIES}

    def is_judged(self, detections: Detections) -> np.ndarray:
        """Whether it is known of each detection's class if the image has it.

        Returns:
            ``(N,)`` bool. What is false counts neither for nor against the detector.
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
    """Precision and recall of T thresholds, R recalls, C classes and 4 ranges of area.

    Attributes:
        iou_thrs: ``(T,)``.
        precision: ``(T, R, C, 4)``, -1 where a class has no instance in the range.
        recall: ``(T, C, 4)``, likewise.
    """

    iou_thrs: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def summary(self, groups: dict[str, np.ndarray]) -> dict[str, float]:
        """The figures that the original prints; -1 where there are no instances.

        Args:
            groups: labels of the classes of each frequency group.

        Returns:
            ``AP``, ``AP50``, ``AP75``, ``APs``, ``APm``, ``APl``, ``APr``, ``APc``,
            ``APf``, ``AR``, ``ARs``, ``ARm`` and ``ARl``, of 1.
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
        """AP of each class, -1 for those without instances."""
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
    """Match detections to ground truth, per class, and form the curves.

    Args:
        truth: the annotations.
        detections: what was detected, already limited in number.
        iou_type: ``'bbox'`` or ``'segm'``.
        iou_thrs: thresholds of the intersection over union, ascending.
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
    # Standard output may be piped; without a terminal there is one line at the end.
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
    category = [truth.categories[label]]
    ground_truth = COCO(dict(images=images, annotations=wanted, categories=category))
    detected = COCO(dict(images=images, annotations=found, categories=category))
    evaluation = COCOeval_faster(
        ground_truth, detected, iou_type, lvis_style=True, print_function=_say_nothing
    )
    evaluation.params.iouThrs = iou_thrs
    # They were limited before, over all classes: here nothing is cut off.
    evaluation.params.maxDets = [max(1, len(found))]
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval


def _say_nothing(*_: Any) -> None:
    pass


def _as_ground_truth(annotations: Sequence[dict], shape_of: str) -> list[dict]:
    # Numbered anew: to the evaluation the id 0 means "not matched". The original knows
    # no crowds, and ignores what is marked with `ignore`: as outside of every range of
    # areas is.
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
    category = truth.categories[label]['id']
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
