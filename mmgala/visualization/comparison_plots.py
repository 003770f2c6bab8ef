"""Where methods stand between head and tail."""

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

MARKERS = 'osD^vP'  # the next one when all colours are used up
Taken = tuple[Bbox, float]  # a place in pixels, and how bad it is to cover it
Fill = Literal['none', 'full', 'left', 'bottom', 'right', 'top']
DONE: tuple[Fill, ...] = ('full', 'left', 'bottom', 'right', 'top')
FRONT = 'no method is better in both'
# Where a label may be, seen from its point: angles, at growing distances in points.
ANGLES = np.deg2rad([0, 180, 90, 270, 45, 315, 135, 225])
DISTANCES = (9, 16, 26, 38, 52)


@dataclass(frozen=True)
class MethodPoint:
    """A row of a comparison.

    Attributes:
        method: name of the method.
        step: what was done to the scores after training; empty for nothing.
        head: accuracy on the head in percent, of each seed.
        tail: on the tail, likewise.
    """

    method: str
    step: str
    head: Sequence[float]
    tail: Sequence[float]

    @property
    def mean(self) -> tuple[float, float]:
        """Mean over the seeds, head and tail."""
        return float(np.mean(self.head)), float(np.mean(self.tail))


def pareto_front(values: np.ndarray) -> np.ndarray:
    """Which points no other is better than: as good in both, and better in one.

    Args:
        values: ``(N, 2)``; more is better.

    Returns:
        ``(N,)`` boolean.

    Examples:
        >>> pareto_front(np.array([[90, 10], [80, 40], [80, 30]])).tolist()
        [True, True, False]
    """
    no_worse = (values[:, None] >= values).all(axis=2)
    better = (values[:, None] > values).any(axis=2)
    return np.logical_not((no_worse & better).any(axis=0))


def plot_head_vs_tail(
    points: Sequence[MethodPoint],
    path: str | Path,
    title: str = '',
    names: tuple[str, str] = ('many-shot', 'few-shot'),
) -> None:
    """Accuracy on the tail over that on the head, a point per method, and the front.

    Raw scores are hollow, and what was done to them is filled. Bars are the standard
    deviation over seeds.

    Args:
        points: rows of a comparison; a method's rows share colour and label.
        path: picture to write; its ending tells the format.
        title: of the picture.
        names: of head and tail.
    """
    figure = Figure(figsize=(9, 7), layout='constrained')
    axes = figure.subplots()
    methods = list(dict.fromkeys(point.method for point in points))
    steps = list(dict.fromkeys(point.step for point in points if point.step))
    looks = [(colour, marker) for marker in MARKERS for colour in COLOURS]
    styles = dict(zip(methods, itertools.cycle(looks), strict=False))
    fills: dict[str, Fill] = {'': 'none'}
    fills |= zip(steps, itertools.cycle(DONE), strict=False)
    for method in methods:
        own = [point for point in points if point.method == method]
        _plot_method(axes, own, *styles[method], fills)
    _plot_front(axes, points)
    axes.set_xlabel(f'{names[0]} accuracy (%)')
    axes.set_ylabel(f'{names[1]} accuracy (%)')
    axes.margins(0.1)
    axes.grid(alpha=0.3)
    figure.legend(
        handles=_legend(fills),
        loc='outside lower center',
        ncols=3,
        fontsize=8,
    )
    figure.suptitle(title)
    figure.draw_without_rendering()  # the layout decides where points are
    figure.set_layout_engine('none')
    _label_methods(axes, points, {m: styles[m][0] for m in methods})
    save_figure(figure, path, title)


def _plot_method(
    axes: Axes,
    points: Sequence[MethodPoint],
    colour: str,
    marker: str,
    fills: Mapping[str, Fill],
) -> None:
    """Points of one method, and lines from the raw one to the others."""
    raw = next((point for point in points if not point.step), None)
    for point in points:
        x, y = point.mean
        spread = [_spread(point.head), _spread(point.tail)]
        if raw is not None and point is not raw:
            start = raw.mean
            axes.plot((start[0], x), (start[1], y), color=colour, lw=0.8, zorder=1)
        axes.errorbar(
            x,
            y,
            xerr=spread[0],
            yerr=spread[1],
            fmt=marker,
            color=colour,
            markersize=7,
            fillstyle=fills[point.step],
            markerfacecoloralt='white',
            markeredgewidth=1.5,
            elinewidth=0.7,
            ecolor=(colour, 0.5),
            zorder=2,
        )


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _plot_front(axes: Axes, points: Sequence[MethodPoint]) -> None:
    values = np.array([point.mean for point in points])
    front = values[pareto_front(values)]
    front = front[np.argsort(front[:, 0], kind='stable')]
    axes.plot(*front.T, color='grey', linestyle='--', linewidth=1, zorder=0)


def _legend(fills: Mapping[str, Fill]) -> list[Line2D]:
    style: dict[str, Any] = dict(color='grey', linestyle='none', markersize=7)
    style |= dict(marker='o', markeredgewidth=1.5, markerfacecoloralt='white')
    done = [
        Line2D([], [], fillstyle=fill, label=f'+ {step}' if step else 'raw', **style)
        for step, fill in fills.items()
    ]
    front = Line2D([], [], color='grey', linestyle='--', linewidth=1, label=FRONT)
    return [*done, front]


def _label_methods(
    axes: Axes, points: Sequence[MethodPoint], colours: Mapping[str, str]
) -> None:
    """Name each method at its best point on the tail, where there is most room."""
    pixels = axes.transData.transform([point.mean for point in points])
    scale = axes.figure.dpi / 72
    axes.autoscale(False)  # or lines to labels would move the points
    half = 6 * scale  # of a marker
    taken: list[Taken] = [(Bbox([p - half, p + half]), 1) for p in pixels]
    taken += [(bar, 1) for point in points for bar in _bars(axes, point)]
    for method in colours:
        own = [i for i, point in enumerate(points) if point.method == method]
        anchor = max(own, key=lambda i: points[i].mean[1])
        _place_label(axes, method, colours[method], pixels[anchor], taken)


def _bars(axes: Axes, point: MethodPoint) -> list[Bbox]:
    """What the bars of a point take, in pixels."""
    spread = np.array([_spread(point.head), _spread(point.tail)])
    low, high = axes.transData.transform([point.mean - spread, point.mean + spread])
    middle = (low + high) / 2
    return [
        Bbox.from_extents(low[0], middle[1] - 2, high[0], middle[1] + 2),
        Bbox.from_extents(middle[0] - 2, low[1], middle[0] + 2, high[1]),
    ]


def _place_label(
    axes: Axes, name: str, colour: str, point: np.ndarray, taken: list[Taken]
) -> None:
    """Write a name near a point where it covers least; note what it takes."""
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
    best = min(
        (
            (_covered(box, taken, axes.bbox), distance, box, angle)
            for distance in DISTANCES
            for angle in ANGLES
            for box in [_box_at(point, size, angle, distance * scale)]
        ),
        key=lambda option: option[:2],
    )
    _, distance, box, angle = best
    centre = (np.array([box.x0, box.y0]) + size / 2 - point) / scale
    text.set_position(tuple(centre))
    taken.append((box, 10))  # a name on another is worse than one on a bar
    if distance > DISTANCES[1]:
        end = point + (distance - 4) * scale * np.array([np.cos(angle), np.sin(angle)])
        ends = axes.transData.inverted().transform([point, end])
        axes.plot(*ends.T, color=colour, linewidth=0.4, zorder=1)


def _box_at(point: np.ndarray, size: np.ndarray, angle: float, distance: float) -> Bbox:
    """A box of ``size`` that touches a circle about ``point``, in pixels."""
    direction = np.array([np.cos(angle), np.sin(angle)])
    centre = point + direction * distance + np.sign(direction.round(6)) * size / 2
    return Bbox.from_bounds(*(centre - size / 2), *size)


def _covered(box: Bbox, taken: Sequence[Taken], inside: Bbox) -> float:
    """Weighted area that a box shares with others, or has outside of the axes."""
    shared = [(Bbox.intersection(box, other), weight) for other, weight in taken]
    area = sum(b.width * b.height * weight for b, weight in shared if b is not None)
    within = Bbox.intersection(box, inside)
    inner = 0.0 if within is None else within.width * within.height
    return area + 10 * (box.width * box.height - inner)
