"""Placement of point labels with little overlap."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

Taken = tuple[Bbox, float]  # a box in pixels, and the cost of covering it
# Candidate positions around a point: angles, at increasing distances in points.
ANGLES = np.deg2rad([0, 180, 90, 270, 45, 315, 135, 225])
OFFSETS = (9, 16, 26, 38, 52)
NAME = 10  # covering another label costs more than covering a bar


def place_label(
    axes: Axes, name: str, colour: str, point: np.ndarray, taken: list[Taken]
) -> None:
    """Label a point where the text overlaps least, with a line from the point.

    Args:
        axes: axes with final limits, complete except for labels.
        name: text of the label.
        colour: colour of text and line.
        point: position of the point in pixels, ``(2,)``.
        taken: occupied boxes; the box of the label is added.
    """
    scale = axes.figure.dpi / 72
    text = axes.annotate(
        name,
        tuple(axes.transData.inverted().transform(point)),
        xytext=(0, 0),
        textcoords='offset points',
        ha='center',
        va='center',
        fontsize=8,
        color=colour,
        zorder=3,
    )
    size = np.array(text.get_window_extent().size)
    options = [(angle, distance) for distance in OFFSETS for angle in ANGLES]
    boxes = [_box_at(point, size, a, d * scale) for a, d in options]
    best = int(np.argmin(_covered(boxes, taken, axes.bbox)))  # the nearest of the best
    angle, distance = options[best]
    centre = (np.array([boxes[best].x0, boxes[best].y0]) + size / 2 - point) / scale
    text.set_position(tuple(centre))
    taken.append((boxes[best], NAME))
    if distance > OFFSETS[0]:
        end = point + (distance - 2) * scale * np.array([np.cos(angle), np.sin(angle)])
        ends = axes.transData.inverted().transform([point, end])
        axes.plot(*ends.T, color=colour, linewidth=0.7, linestyle=':', zorder=1)


def _box_at(point: np.ndarray, size: np.ndarray, angle: float, distance: float) -> Bbox:
    """A box of ``size`` that touches a circle around ``point``, in pixels."""
    direction = np.array([np.cos(angle), np.sin(angle)])
    centre = point + direction * distance + np.sign(direction.round(6)) * size / 2
    return Bbox.from_bounds(*(centre - size / 2), *size)


def _covered(boxes: Sequence[Bbox], taken: Sequence[Taken], inside: Bbox) -> np.ndarray:
    """Weighted area of each box that overlaps others or lies outside the axes."""
    areas = np.array([box.width * box.height for box in boxes])
    outside = areas - _shared(boxes, [inside])[:, 0]
    weights = np.array([weight for _, weight in taken])
    covered = _shared(boxes, [box for box, _ in taken]) @ weights
    return (covered + NAME * outside).round(6)


def _shared(boxes: Sequence[Bbox], others: Sequence[Bbox]) -> np.ndarray:
    """Overlap area of each of A boxes with each of B boxes, ``(A, B)``."""
    a, b = (np.array([box.extents for box in side]) for side in (boxes, others))
    low = np.maximum(a[:, None, :2], b[:, :2])
    high = np.minimum(a[:, None, 2:], b[:, 2:])
    return (high - low).clip(0).prod(axis=2)


def line_boxes(start: np.ndarray, end: np.ndarray, size: float = 4) -> list[Bbox]:
    """Small boxes along a line in pixels, for ``taken``."""
    number = max(2, int(np.hypot(*(end - start)) / size))
    middles = np.linspace(start, end, number)
    return [Bbox([m - size / 2, m + size / 2]) for m in middles]
