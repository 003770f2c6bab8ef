"""Scatter plot of methods by their accuracy on head and tail classes."""

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from mmgala.visualization.axes import RUN_COLOURS, save_figure
from mmgala.visualization.label_placement import (
    LINE_COST,
    MARKER_COST,
    LabelPlacer,
    Obstacle,
    line_boxes,
)

MARKERS = 'osD^vP'
MOST_COLOURED = 6  # methods; of more, only those on the front have colours
QUIET = '#9aa3ac'
Fill = Literal['none', 'full', 'left', 'bottom', 'right', 'top']
STEP_FILLS: tuple[Fill, ...] = ('full', 'left', 'bottom', 'right', 'top')
FRONT_LABEL = 'Pareto-optimal'


@dataclass(frozen=True)
class Look:
    """How a method is drawn.

    Attributes:
        colour: of markers and lines.
        marker: marker of its points.
        quiet: whether it stays in the background, as it is on no front.
    """

    colour: str
    marker: str
    quiet: bool = False


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
    the standard deviation over seeds. Each method has its name at one of its points. Of
    more than six methods, those without a Pareto-optimal point are grey; if there is no
    room for the name of one, it is listed below the axes, as outliers are.

    Args:
        points: rows of a comparison; rows of a method share colour, marker and label.
        path: file to write; its extension sets the format.
        title: title of the figure.
        names: names of the head and tail groups.
    """
    figure = Figure(figsize=(10, 7), layout='constrained')
    axes = figure.subplots()
    looks = _looks(points)
    steps = list(dict.fromkeys(point.step for point in points if point.step))
    fills: dict[str, Fill] = {'': 'none'}
    fills |= zip(steps, itertools.cycle(STEP_FILLS), strict=False)
    visible = [point for point in points if not point.hidden]
    for point in visible:
        _plot_point(axes, point, looks[point.method], fills[point.step])
    _plot_front(axes, visible)
    axes.set_xlabel(f'{names[0]} accuracy (%){_outlier_text(points)}')
    axes.set_ylabel(f'{names[1]} accuracy (%)')
    axes.margins(0.1)
    axes.grid(alpha=0.3)
    _add_legend(figure, fills)
    figure.suptitle(title)
    figure.draw_without_rendering()  # the layout determines the pixel positions
    figure.set_layout_engine('none')
    axes.autoscale(False)  # otherwise, lines would change the limits
    methods = {point.method for point in visible}  # no lines between outliers
    lines = _join_rows(axes, [p for p in points if p.method in methods], looks)
    unnamed = _label_methods(axes, visible, looks, lines)
    if unnamed:
        text = textwrap.fill(
            f'grey, without room for a name: {", ".join(unnamed)}', 110
        )
        figure.text(0.01, 0.005, text, fontsize=7, color='#5f6872', va='bottom')
    save_figure(figure, path, title)


def _looks(points: Sequence[MethodPoint]) -> dict[str, Look]:
    """Look of each method; consecutive ones differ in colour and marker."""
    methods = list(dict.fromkeys(point.method for point in points))
    best = {point.method for point in points if point.on_front and not point.hidden}
    coloured = (
        methods if len(methods) <= MOST_COLOURED else sorted(best, key=methods.index)
    )
    choices = itertools.cycle(
        (colour, MARKERS[(number + shift) % len(MARKERS)])
        for shift in range(len(MARKERS))
        for number, colour in enumerate(RUN_COLOURS)
    )
    looks = {
        method: Look(*look) for method, look in zip(coloured, choices, strict=False)
    }
    quiet = [method for method in methods if method not in looks]
    for number, method in enumerate(quiet):
        looks[method] = Look(QUIET, MARKERS[number % len(MARKERS)], quiet=True)
    return looks


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


def _plot_point(axes: Axes, point: MethodPoint, look: Look, fill: Fill) -> None:
    x, y = point.mean
    axes.errorbar(
        x,
        y,
        xerr=_spread(point.head),
        yerr=_spread(point.tail),
        fmt=look.marker,
        color=look.colour,
        markersize=4.5 if look.quiet else 7,
        fillstyle=fill,
        markerfacecoloralt='white',
        markeredgewidth=1 if look.quiet else 1.5,
        elinewidth=0.7,
        ecolor=(look.colour, 0.4),
        zorder=1.5 if look.quiet else 2,
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
    looks: Mapping[str, Look],
) -> list[Obstacle]:
    """Draw lines from raw scores to post-hoc steps; return their boxes in pixels."""
    raw = {point.method: point.mean for point in points if not point.step}
    obstacles: list[Obstacle] = []
    for point in points:
        if not point.step or point.method not in raw:
            continue
        ends = np.array([raw[point.method], point.mean])
        look = looks[point.method]
        width = 0.4 if look.quiet else 0.8
        axes.plot(*ends.T, color=look.colour, lw=width, zorder=1)
        boxes = line_boxes(*axes.transData.transform(ends))
        obstacles += [(box, LINE_COST) for box in boxes]
    return obstacles


def _add_legend(figure: Figure, fills: Mapping[str, Fill]) -> None:
    """Add a legend of post-hoc steps and the front, below the axes."""
    look: dict[str, Any] = dict(
        linestyle='none', markersize=7, markeredgewidth=1.5, markerfacecoloralt='white'
    )
    done = [
        Line2D(
            [], [], color='grey', marker='o', fillstyle=fill,
            label=f'+ {step}' if step else 'raw', **look,
        )
        for step, fill in fills.items()
    ]  # fmt: skip
    front = Line2D([], [], color='grey', linestyle='--', linewidth=1, label=FRONT_LABEL)
    figure.legend(
        handles=[*done, front], loc='outside lower center', ncols=4, fontsize=8
    )


def _label_methods(
    axes: Axes,
    points: Sequence[MethodPoint],
    looks: Mapping[str, Look],
    lines: Sequence[Obstacle],
) -> list[str]:
    """Label each method at its best point; return the names for which is no room.

    The best point is the Pareto-optimal one, if any, with the highest tail accuracy.
    """
    pixels = axes.transData.transform([point.mean for point in points])
    half = 6 * axes.figure.dpi / 72  # half a marker
    obstacles = [*lines, *((Bbox([p - half, p + half]), MARKER_COST) for p in pixels)]
    obstacles += [(bar, LINE_COST) for point in points for bar in _bars(axes, point)]
    placer = LabelPlacer(axes, obstacles)
    unnamed = []
    for method, look in sorted(looks.items(), key=lambda item: item[1].quiet):
        own = [i for i, point in enumerate(points) if point.method == method]
        if not own:
            continue
        anchor = max(own, key=lambda i: (points[i].on_front, points[i].mean[1]))
        placed = placer.place(method, look.colour, pixels[anchor], optional=look.quiet)
        if not placed:
            unnamed.append(method)
    return unnamed


def _bars(axes: Axes, point: MethodPoint) -> list[Bbox]:
    """Boxes of the error bars of a point, in pixels."""
    spread = np.array([_spread(point.head), _spread(point.tail)])
    low, high = axes.transData.transform([point.mean - spread, point.mean + spread])
    middle = (low + high) / 2
    return [
        Bbox.from_extents(low[0], middle[1] - 2, high[0], middle[1] + 2),
        Bbox.from_extents(middle[0] - 2, low[1], middle[0] + 2, high[1]),
    ]
