"""Place labels beside points so that they cover nothing."""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

Obstacle = tuple[Bbox, float]  # a box in pixels, and the cost of covering it
LINE_COST, MARKER_COST, LABEL_COST = 1, 3, 10
# Candidate positions around a point: angles, at increasing distances in points.
LABEL_ANGLES = np.deg2rad([0, 180, 90, 270, 45, 315, 135, 225])
LABEL_OFFSETS = (9, 16, 26, 38, 52)
# Share of its area that an optional label may cover, times the cost of what it covers.
MOST_COVERED = 0.5
DARKER = 0.62  # text needs more contrast than markers


class LabelPlacer:
    """Places one label after the other; each avoids those before it.

    Args:
        axes: axes with final limits and all content except labels.
        obstacles: what labels should not cover.
    """

    def __init__(self, axes: Axes, obstacles: Sequence[Obstacle]) -> None:
        self.axes = axes
        self.obstacles = list(obstacles)

    def place(
        self, name: str, colour: str, point: np.ndarray, optional: bool = False
    ) -> bool:
        """Label a point where the text covers least, with a line from the point.

        Args:
            name: text of the label.
            colour: colour of the point; the text is darker.
            point: position of the point in pixels, ``(2,)``.
            optional: whether to leave the label out if it would cover others.

        Returns:
            Whether the label was placed.
        """
        axes = self.axes
        scale = axes.figure.dpi / 72
        text = axes.annotate(
            name,
            tuple(axes.transData.inverted().transform(point)),
            xytext=(0, 0),
            textcoords='offset points',
            ha='center',
            va='center',
            fontsize=7 if optional else 8.5,
            fontweight='normal' if optional else 'bold',
            color=tuple(DARKER * np.array(to_rgb(colour))),
            path_effects=[withStroke(linewidth=2, foreground='white')],
            zorder=3,
        )
        size = np.array(text.get_window_extent().size)
        options = list(itertools.product(LABEL_OFFSETS, LABEL_ANGLES))
        boxes = [_box_at(point, size, a, d * scale) for d, a in options]
        costs = _costs(boxes, self.obstacles, axes.bbox)
        best = int(np.argmin(costs))  # the nearest of those with the lowest cost
        if optional and costs[best] > MOST_COVERED * size.prod():
            text.remove()
            return False
        distance, angle = options[best]
        centre = (np.array([boxes[best].x0, boxes[best].y0]) + size / 2 - point) / scale
        text.set_position(tuple(centre))
        self.obstacles.append((boxes[best], LABEL_COST))
        if distance > LABEL_OFFSETS[0]:
            direction = np.array([np.cos(angle), np.sin(angle)])
            ends = [point, point + (distance - 2) * scale * direction]
            places = axes.transData.inverted().transform(ends)
            axes.plot(*places.T, color=colour, linewidth=0.7, linestyle=':', zorder=1)
        return True


def _box_at(point: np.ndarray, size: np.ndarray, angle: float, distance: float) -> Bbox:
    """A box of ``size`` that touches a circle around ``point``, in pixels."""
    direction = np.array([np.cos(angle), np.sin(angle)])
    centre = point + direction * distance + np.sign(direction.round(6)) * size / 2
    return Bbox.from_bounds(*(centre - size / 2), *size)


def _costs(
    boxes: Sequence[Bbox], obstacles: Sequence[Obstacle], inside: Bbox
) -> np.ndarray:
    """Weighted area of each box that covers obstacles or lies outside the axes."""
    areas = np.array([box.width * box.height for box in boxes])
    outside = areas - _shared(boxes, [inside])[:, 0]
    weights = np.array([weight for _, weight in obstacles])
    covered = _shared(boxes, [box for box, _ in obstacles]) @ weights
    return (covered + LABEL_COST * outside).round(6)


def _shared(boxes: Sequence[Bbox], others: Sequence[Bbox]) -> np.ndarray:
    """Overlap area of each of A boxes with each of B boxes, ``(A, B)``."""
    a, b = (np.array([box.extents for box in side]) for side in (boxes, others))
    low = np.maximum(a[:, None, :2], b[:, :2])
    high = np.minimum(a[:, None, 2:], b[:, 2:])
    return (high - low).clip(0).prod(axis=2)


def line_boxes(start: np.ndarray, end: np.ndarray, size: float = 4) -> list[Bbox]:
    """Small boxes that cover a line, in pixels."""
    number = max(2, int(np.hypot(*(end - start)) / size))
    middles = np.linspace(start, end, number)
    return [Bbox([m - size / 2, m + size / 2]) for m in middles]
