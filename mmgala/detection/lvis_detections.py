"""Detections of a whole data set as arrays, and the limits set on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from faster_coco_eval import mask as mask_utils


@dataclass(frozen=True)
class Detections:
    """N detections.

    Attributes:
        image: ``(N,)`` int64, index of the image.
        category: ``(N,)`` int64, label.
        score: ``(N,)``.
        area: ``(N,)`` float64, in square pixels, of the box or of the mask.
        box: ``(N, 4)`` float64, left, top, width and height in pixels; or None.
        mask: ``(N,)`` objects, compressed run-length encodings; or None.
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
        """Those at an index or where a mask is true."""
        columns = vars(self).items()
        return replace(self, **{name: c[index] for name, c in columns if c is not None})


def gather_detections(
    results: Sequence[dict], image_index: dict[int, int], iou_type: str
) -> Detections:
    """Put what was predicted for each image into one table.

    Args:
        results: per image ``img_id``, ``bboxes`` ``(n, 4)`` as corners, ``scores``,
            ``labels``, and for masks ``masks``; ``mask_scores`` go before ``scores``
            for masks.
        image_index: from an image's id to its index.
        iou_type: ``'bbox'`` or ``'segm'``.

    Raises:
        ValueError: if an image is not known, or there are no masks.
    """
    for result in results:
        if result['img_id'] not in image_index:
            raise ValueError(
                f'There are predictions for the image with id {result["img_id"]}, '
                'which is not in `ann_file`: give the metric the file of the test set.'
            )
    number = [len(result['labels']) for result in results]
    image = np.repeat([image_index[r['img_id']] for r in results], number)
    category = _concatenate([r['labels'] for r in results], np.int64)
    if iou_type == 'bbox':
        score = _concatenate([r['scores'] for r in results])
        box = _concatenate([r['bboxes'].reshape(-1, 4) for r in results])
        # Before the difference, as where MMDetection writes boxes to JSON.
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
    # Not pycocotools, whose version 2.0.11 counts up to 255 masks.
    area = np.asarray(mask_utils.area(mask.tolist()), dtype=np.float64)
    return Detections(image, category, score, area, mask=mask)


def _concatenate(arrays: Sequence[np.ndarray], dtype: type = np.float32) -> np.ndarray:
    arrays = [array for array in arrays if len(array)]
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)


def best_of_each(group: np.ndarray, score: np.ndarray, limit: int) -> np.ndarray:
    """The ``limit`` highest scores of each group; of equal ones, the first.

    Args:
        group: ``(N,)`` integers.
        score: ``(N,)``.
        limit: how many to keep at most.

    Returns:
        Their indices, ascending.

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
