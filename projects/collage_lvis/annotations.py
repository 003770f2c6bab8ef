"""Annotations of a collage in LVIS format, derived from the item of each pixel."""

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
        owner: index of the item that each pixel belongs to, ``(H, W)``; -1 for pixels
            of the canvas.
        classes: label of each item, from 0.
        sources: index of each item in its split of Fashion-MNIST.
        image_id: id of the collage.

    Returns:
        For each item, ``image_id``, ``category_id``, ``bbox`` (x, y, width, height in
        pixels), ``area``, ``segmentation`` (compressed run lengths of the visible
        pixels) and ``source_index``.
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
    """Image entry in LVIS format; each class is known to be present or absent."""
    present = {int(label) for label in classes}
    return dict(
        id=image_id,
        file_name=file_name,
        height=shape[0],
        width=shape[1],
        neg_category_ids=[c + 1 for c in range(num_classes) if c not in present],
        not_exhaustive_category_ids=[],
    )
