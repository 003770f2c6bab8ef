"""Scatter plot of methods by their accuracy on head and tail classes."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from mmgala.visualization.axes import COLOURS, save_figure

MARKERS = 'osD^vP'
Fill = Literal['none', 'full', 'left', 'bottom', 'right', 'top']
STEP_FILLS: tuple[Fill, ...] = ('full', 'left', 'bottom', 'right', 'top')
FRONT_LABEL = 'Pareto-optimal'
Obstacle = tuple[Bbox, float]  # a box in pixels, and the cost of covering it
LINE_COST, MARKER_COST, LABEL_COST = 1, 3, 10
# Candidate positions around a point: angles, at increasing distances in points.
LABEL_ANGLES = np.deg2rad([0, 180, 90, 270, 45, 315, 135, 225])
LABEL_OFFSETS = (9, 16, 26, 38, 52)


@dataclass(frozen=True)
class MethodPoint:
    """A row of a comparison.

    Attributes:
        method: name of the method.
        step: name of the post-hoc step; empty for raw scores.
        head: head accuracy of each seed, in percent.
        tail: tail accuracy of each seed, in percent.
        on_front: whether it is Pareto-optimal.
        hidden: whether it is an outlier, listed below the axes.
    """

    method: str
    step: str
    head: Sequence[float]
    tail: Sequence[float]
    on_front: bool = False
    hidden: bool = False

    @property
    def mean(self) -> tuple[float, float]:
        """Mean head and tail accuracy over the seeds."""
        return float(np.mean(self.head)), float(np.mean(self.tail))


def plot_head_vs_tail(
    points: Sequence[MethodPoint],
    path: str | Path,
    title: str = '',
    names: tuple[str, str] = ('many-shot', 'few-shot'),
) -> None:
    """Plot tail against head accuracy for each method, with the Pareto front.

    Markers of raw scores are hollow, those of post-hoc steps filled. Error bars show
    the standard deviation over seeds. Outliers are listed below the axes instead.

    Args:
        points: rows of a comparison; rows of a method share colour, marker and label.
        path: file to write; its extension sets the format.
        title: title of the figure.
        names: names of the head and tail groups.
    """
    figure = Figure(figsize=(10, 7), layout='constrained')
    axes = figure.subplots()
    styles = _styles(points)
    steps = list(dict.fromkeys(point.step for point in points if point.step))
    fills: dict[str, Fill] = {'': 'none'}
    fills |= zip(steps, itertools.cycle(STEP_FILLS), strict=False)
    visible = [point for point in points if not point.hidden]
    for point in visible:
        _plot_point(axes, point, *styles[point.method], fills[point.step])
    _plot_front(axes, visible)
    axes.set_xlabel(f'{names[0]} accuracy (%){_outlier_text(points)}')
    axes.set_ylabel(f'{names[1]} accuracy (%)')
    axes.margins(0.1)
    axes.grid(alpha=0.3)
    _add_legends(figure, axes, styles, fills)
    figure.suptitle(title)
    figure.draw_without_rendering()  # the layout determines the pixel positions
    figure.set_layout_engine('none')
    axes.autoscale(False)  # otherwise, lines would change the limits
    methods = {point.method for point in visible}  # no lines between outliers
    lines = _join_rows(axes, [p for p in points if p.method in methods], styles)
    _label_methods(axes, visible, styles, lines)
    save_figure(figure, path, title)


def _styles(points: Sequence[MethodPoint]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each method; consecutive methods differ in both."""
    methods = list(dict.fromkeys(point.method for point in points))
    looks = [
        (colour, MARKERS[(number + shift) % len(MARKERS)])
        for shift in range(len(MARKERS))
        for number, colour in enumerate(COLOURS)
    ]
    return dict(zip(methods, itertools.cycle(looks), strict=False))


def _outlier_text(points: Sequence[MethodPoint]) -> str:
    """A line of text for each outlier."""
    lines = [
        f'outlier, not shown: {_row_name(point)} at {x:.1f}, {y:.1f}'
        for point in points
        if point.hidden
        for x, y in [point.mean]
    ]
    return ''.join(f'\n{line}' for line in lines)


def _row_name(point: MethodPoint) -> str:
    return f'{point.method} + {point.step}' if point.step else f'{point.method}, raw'


def _plot_point(
    axes: Axes, point: MethodPoint, colour: str, marker: str, fill: Fill
) -> None:
    x, y = point.mean
    axes.errorbar(
        x,
        y,
        xerr=_spread(point.head),
        yerr=_spread(point.tail),
        fmt=marker,
        color=colour,
        markersize=7,
        fillstyle=fill,
        markerfacecoloralt='white',
        markeredgewidth=1.5,
        elinewidth=0.7,
        ecolor=(colour, 0.4),
        zorder=2,
    )


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _plot_front(axes: Axes, points: Sequence[MethodPoint]) -> None:
    front = sorted(point.mean for point in points if point.on_front)
    x, y = np.reshape(front, (-1, 2)).T
    axes.plot(x, y, color='grey', linestyle='--', linewidth=1, zorder=0)


def _join_rows(
    axes: Axes,
    points: Sequence[MethodPoint],
    styles: Mapping[str, tuple[str, str]],
) -> list[Obstacle]:
    """Draw lines from raw scores to post-hoc steps; return their boxes in pixels."""
    raw = {point.method: point.mean for point in points if not point.step}
    obstacles: list[Obstacle] = []
    for point in points:
        if not point.step or point.method not in raw:
            continue
        ends = np.array([raw[point.method], point.mean])
        axes.plot(*ends.T, color=styles[point.method][0], lw=0.8, zorder=1)
        boxes = _line_boxes(*axes.transData.transform(ends))
        obstacles += [(box, LINE_COST) for box in boxes]
    return obstacles


def _add_legends(
    figure: Figure,
    axes: Axes,
    styles: Mapping[str, tuple[str, str]],
    fills: Mapping[str, Fill],
) -> None:
    """Add legends: methods beside the axes, post-hoc steps and the front below."""
    look: dict[str, Any] = dict(
        linestyle='none', markersize=7, markeredgewidth=1.5, markerfacecoloralt='white'
    )
    methods = [
        Line2D([], [], color=colour, marker=marker, label=method, **look)
        for method, (colour, marker) in styles.items()
    ]
    done = [
        Line2D(
            [], [], color='grey', marker='o', fillstyle=fill,
            label=f'+ {step}' if step else 'raw', **look,
        )
        for step, fill in fills.items()
    ]  # fmt: skip
    front = Line2D([], [], color='grey', linestyle='--', linewidth=1, label=FRONT_LABEL)
    figure.legend(handles=methods, loc='outside right upper', fontsize=8)
    figure.legend(
        handles=[*done, front], loc='outside lower center', ncols=3, fontsize=8
    )


def _label_methods(
    axes: Axes,
    points: Sequence[MethodPoint],
    styles: Mapping[str, tuple[str, str]],
    lines: Sequence[Obstacle],
) -> None:
    """Label each method at its point with the highest tail accuracy."""
    pixels = axes.transData.transform([point.mean for point in points])
    half = 6 * axes.figure.dpi / 72  # half a marker
    obstacles = [*lines, *((Bbox([p - half, p + half]), MARKER_COST) for p in pixels)]
    obstacles += [(bar, LINE_COST) for point in points for bar in _bars(axes, point)]
    for method, (colour, _) in styles.items():
        own = [i for i, point in enumerate(points) if point.method == method]
        if own:
            anchor = max(own, key=lambda i: points[i].mean[1])
            _place_label(axes, method, colour, pixels[anchor], obstacles)


def _bars(axes: Axes, point: MethodPoint) -> list[Bbox]:
    """Boxes of the error bars of a point, in pixels."""
    spread = np.array([_spread(point.head), _spread(point.tail)])
    low, high = axes.transData.transform([point.mean - spread, point.mean + spread])
    middle = (low + high) / 2
    return [
        Bbox.from_extents(low[0], middle[1] - 2, high[0], middle[1] + 2),
        Bbox.from_extents(middle[0] - 2, low[1], middle[0] + 2, high[1]),
    ]


def _place_label(
    axes: Axes, name: str, colour: str, point: np.ndarray, obstacles: list[Obstacle]
) -> None:
    """Label a point where the text covers least, with a line from the point.

    Args:
        axes: axes with final limits and all content except labels.
        name: text of the label.
        colour: colour of text and line.
        point: position of the point in pixels, ``(2,)``.
        obstacles: what the label should not cover; the label is added to it.
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
    options = list(itertools.product(LABEL_OFFSETS, LABEL_ANGLES))
    boxes = [_box_at(point, size, a, d * scale) for d, a in options]
    costs = _costs(boxes, obstacles, axes.bbox)
    best = int(np.argmin(costs))  # the nearest of those with the lowest cost
    distance, angle = options[best]
    centre = (np.array([boxes[best].x0, boxes[best].y0]) + size / 2 - point) / scale
    text.set_position(tuple(centre))
    obstacles.append((boxes[best], LABEL_COST))
    if distance > LABEL_OFFSETS[0]:
        end = point + (distance - 2) * scale * np.array([np.cos(angle), np.sin(angle)])
        ends = axes.transData.inverted().transform([point, end])
        axes.plot(*ends.T, color=colour, linewidth=0.7, linestyle=':', zorder=1)


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


def _line_boxes(start: np.ndarray, end: np.ndarray, size: float = 4) -> list[Bbox]:
    """Small boxes that cover a line, in pixels."""
    number = max(2, int(np.hypot(*(end - start)) / size))
    middles = np.linspace(start, end, number)
    return [Bbox([m - size / 2, m + size / 2]) for m in middles]
