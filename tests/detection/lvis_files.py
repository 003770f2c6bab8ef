"""Random annotation files in LVIS format, and random predictions for them."""

import json
from pathlib import Path

import numpy as np
import torch
from pycocotools import mask as mask_utils

HEIGHT, WIDTH = 180, 220


def random_lvis(
    seed: int, num_images: int = 40, num_classes: int = 15, per_image: int = 6
) -> dict:
    """Content of a file: ids with gaps and unsorted, federated fields, all sizes.

    The last image has no annotation, the last class neither (nor is it negative); some
    annotations have two polygons, some are there twice.
    """
    rng = np.random.default_rng(seed)
    category_ids = rng.permutation(5 * num_classes)[:num_classes] + 1
    image_ids = rng.permutation(7 * num_images)[:num_images] + 1
    annotations: list[dict] = []
    images = []
    for image_id in image_ids.tolist():
        number = 0 if image_id == image_ids[-1] else int(rng.integers(0, 2 * per_image))
        present = rng.choice(category_ids[:-1], size=max(1, num_classes // 3))
        labels = rng.choice(present, size=number)
        box = random_box(rng)
        for category_id in labels.tolist():
            box = box if rng.random() < 0.1 else random_box(rng)
            polygons = polygons_of(box, two=rng.random() < 0.3)
            rle = mask_utils.merge(mask_utils.frPyObjects(polygons, HEIGHT, WIDTH))
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image_id,
                    category_id=category_id,
                    bbox=box,
                    area=float(mask_utils.area(rle)),
                    segmentation=polygons,
                )
            )
        absent = np.setdiff1d(category_ids[:-1], labels)
        shown = np.unique(labels)
        images.append(
            dict(
                id=image_id,
                height=HEIGHT,
                width=WIDTH,
                coco_url=f'http://images.cocodataset.org/train2017/{image_id:012}.jpg',
                neg_category_ids=rng.permutation(absent)[: num_classes // 4].tolist(),
                not_exhaustive_category_ids=shown[
                    rng.random(len(shown)) < 0.3
                ].tolist(),
            )
        )
    categories = [
        dict(id=category_id, name=f'class_{category_id}', frequency='rcf'[i % 3])
        for i, category_id in enumerate(category_ids.tolist())
    ]
    return dict(images=images, annotations=annotations, categories=categories)


def random_box(rng: np.random.Generator) -> list[float]:
    """Left, top, width and height, from small to all of the image."""
    width, height = np.exp(rng.uniform(np.log(8), np.log([WIDTH, HEIGHT])))
    left, top = rng.uniform(0, 1, 2) * (WIDTH - width, HEIGHT - height)
    return [round(float(value), 2) for value in (left, top, width, height)]


def polygons_of(box: list[float], two: bool) -> list[list[float]]:
    """One or two polygons that lie in a box."""
    x, y, w, h = box
    diamond = [x, y + h / 2, x + w / 2, y, x + w, y + h / 2, x + w / 2, y + h]
    corner = [x, y, x + w / 3, y, x, y + h / 3]
    return [diamond, corner] if two else [diamond]


def write_lvis(path: Path, content: dict) -> str:
    """Write the file, and give its name."""
    path.write_text(json.dumps(content))
    return str(path)


def random_predictions(
    content: dict, seed: int, crowded: int = 0, steps: int = 20, masks: bool = True
) -> list[dict]:
    """What a detector hands to a metric, a sample per image.

    Half of the boxes are near annotated ones; half of the scores have only ``steps``
    values, so that many are equal.

    Args:
        content: of the annotation file.
        seed: of the random numbers.
        crowded: number of detections in every fifteenth image.
        steps: different values of the scores that are tied.
        masks: predict masks too.
    """
    rng = np.random.default_rng(seed)
    ids = sorted(category['id'] for category in content['categories'])
    samples = []
    for index, image in enumerate(content['images']):
        truth = [a for a in content['annotations'] if a['image_id'] == image['id']]
        number = int(rng.integers(0, 12)) if not crowded or index % 15 else crowded
        boxes, labels = [], []
        for _ in range(number):
            if truth and rng.random() < 0.5:
                like = truth[rng.integers(len(truth))]
                box = np.array(like['bbox'])
                box[2] /= rng.choice([1, 1, 2])  # an overlap of exactly one half
                boxes.append(box * rng.uniform(0.93, 1.07, 4) ** rng.integers(2))
                labels.append(ids.index(like['category_id']))
            else:
                boxes.append(np.array(random_box(rng)))
                labels.append(int(rng.integers(len(ids))))
        corners = np.array(boxes, dtype=np.float32).reshape(-1, 4)
        corners[:, 2] *= rng.random(number) > 0.03  # some have no width
        corners[:, 2:] += corners[:, :2]
        scores = rng.random(number)
        scores = np.where(
            rng.random(number) < 0.5, np.ceil(scores * steps) / steps, scores
        )
        predicted = dict(
            bboxes=torch.from_numpy(corners),
            scores=torch.from_numpy(scores.astype(np.float32)),
            labels=torch.tensor(labels, dtype=torch.int64),
        )
        if masks:
            predicted['masks'] = torch.from_numpy(_masks(corners, rng))
        samples.append(
            dict(
                img_id=image['id'], ori_shape=(HEIGHT, WIDTH), pred_instances=predicted
            )
        )
    return samples


def _masks(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Diamonds in the boxes, some with a hole, some empty: ``(N, HEIGHT, WIDTH)``."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) + 0.5
    centre = (corners[:, :2] + corners[:, 2:])[:, :, None, None] / 2
    half = (corners[:, 2:] - corners[:, :2])[:, :, None, None] / 2
    half = np.maximum(half, 0.1)
    masks = abs(x - centre[:, 0]) / half[:, 0] + abs(y - centre[:, 1]) / half[:, 1] <= 1
    masks[:, 40:44] &= rng.random((len(masks), 1, WIDTH)) < 0.5
    masks[rng.random(len(masks)) < 0.03] = False
    return masks


def as_json(content: dict, samples: list[dict], iou_type: str) -> list[dict]:
    """The predictions as the original evaluation reads them."""
    ids = sorted(category['id'] for category in content['categories'])
    rows = []
    for sample in samples:
        predicted = sample['pred_instances']
        for i, label in enumerate(predicted['labels'].tolist()):
            row = dict(
                image_id=sample['img_id'],
                category_id=ids[label],
                score=predicted['scores'][i].item(),
            )
            if iou_type == 'bbox':
                left, top, right, bottom = predicted['bboxes'][i].tolist()
                row['bbox'] = [left, top, right - left, bottom - top]
            else:
                mask = np.asfortranarray(predicted['masks'][i].numpy(), np.uint8)
                row['segmentation'] = mask_utils.encode(mask)
            rows.append(row)
    return rows
