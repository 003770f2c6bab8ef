"""LVIS's fields of one collage, exact from who owns which pixel."""

from collections.abc import Sequence

import numpy as np


def annotate(
    owner: np.ndarray,
    classes: Sequence[int] | np.ndarray,
    sources: Sequence[int],
    image_id: int,
) -> list[dict]:
    """Annotations of a collage, without their ids.

    Args:
        owner: position of the item that each pixel belongs to, ``(H, W)``; -1 where
            there is none.
        classes: label of each item, from 0.
        sources: index of each item in its split of Fashion-MNIST.
        image_id: of the collage.

    Returns:
        ``image_id``, ``category_id``, ``bbox`` (x, y, width, height in pixels),
        ``area``, ``segmentation`` (compressed run lengths of the visible pixels) and
        ``source_index``, an item each.
    """
    from pycocotools import mask as mask_utils

    visible = owner[..., None] == np.arange(len(classes))
    runs = mask_utils.encode(np.asfortranarray(visible, dtype=np.uint8))
    boxes, areas = mask_utils.toBbox(runs), mask_utils.area(runs)
    return [
        dict(
            image_id=image_id,
            category_id=int(label) + 1,
            bbox=box.tolist(),
            area=int(area),
            segmentation=dict(size=run['size'], counts=run['counts'].decode()),
            source_index=int(source),
        )
        for label, source, run, box, area in zip(
            classes, sources, runs, boxes, areas, strict=True
        )
    ]


def describe_image(
    image_id: int,
    file_name: str,
    shape: tuple[int, ...],
    classes: Sequence[int] | np.ndarray,
    num_classes: int,
) -> dict:
    """LVIS's fields of an image: each class is known to be in it or not."""
    shown = {int(label) for label in classes}
    return dict(
        id=image_id,
        file_name=file_name,
        height=shape[0],
        width=shape[1],
        neg_category_ids=[c + 1 for c in range(num_classes) if c not in shown],
        not_exhaustive_category_ids=[],
    )
