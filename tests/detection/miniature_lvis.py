"""LVIS v1 with two images: all 1,203 categories, and a few boxes and masks."""

import json

import cv2
import numpy as np

NUM_CLASSES = 1203
SIZE = 64


def write_miniature_lvis(root):
    """Write images and the two annotation files below ``root``, as LVIS has them."""
    rng = np.random.default_rng(0)
    categories = [
        dict(id=c + 1, name=f'class_{c}', frequency='rcf'[c % 3])
        for c in range(NUM_CLASSES)
    ]
    (root / 'annotations').mkdir(parents=True)
    for part in ('train', 'val'):
        folder = root / f'{part}2017'
        folder.mkdir()
        images, annotations = [], []
        for i in (1, 2):
            name = f'{i:012}.jpg'
            noise = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / name), noise)
            images.append(
                dict(
                    id=i,
                    height=SIZE,
                    width=SIZE,
                    coco_url=f'http://images.cocodataset.org/{part}2017/{name}',
                    neg_category_ids=[],
                    not_exhaustive_category_ids=[],
                )
            )
            for k in range(3):
                x, y = rng.integers(0, 20, 2).tolist()
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=i,
                        category_id=400 * k + i,
                        bbox=[x, y, 40, 36],
                        area=1440.0,
                        segmentation=[[x, y, x + 40, y, x + 40, y + 36, x, y + 36]],
                    )
                )
        content = dict(images=images, annotations=annotations, categories=categories)
        path = root / 'annotations' / f'lvis_v1_{part}.json'
        path.write_text(json.dumps(content))
