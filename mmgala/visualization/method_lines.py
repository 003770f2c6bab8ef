"""Lines of several methods over an axis: together, or one panel for each of many."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from mmgala.visualization.axes import COLOURS

MOST_TOGETHER = 6  # methods in one panel: as many as there are colours
COLUMNS_OF_MANY = 4
QUIET = '#c9ced3'
MARKERS = 'osD^vP'
LINE_STYLES = ('-', '--', '-.', (0, (1, 1)), (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
MOST_POINTS = 50  # with a marker each; more are drawn as means of neighbours
NUM_BINS = 25


def line_style(number: int, total: int) -> dict:
    """Colour, marker and line of a method: distinct also in grey print.

    Args:
        number: place of the method.
        total: number of methods. Up to three get clearly distinct colours; of more,
            neighbours are similar, as a method and its variant are.
    """
    colours = COLOURS if total > 3 else COLOURS[::2]
    return dict(
        color=colours[number % len(colours)],
        marker=MARKERS[number % len(MARKERS)],
        linestyle=LINE_STYLES[number % len(LINE_STYLES)],
        markersize=4,
    )


def height_of(num_methods: int, height: float) -> float:
    """Height of :func:`draw_methods` in inches, for panels of this height."""
    if num_methods <= MOST_TOGETHER:
        return height
    return 0.6 * height * -(-num_methods // COLUMNS_OF_MANY)


def two_parts(
    figure: Figure, num_methods: int, heights: tuple[float, float]
) -> tuple[Axes | SubFigure, Axes | SubFigure]:
    """Axes with a common x axis for a few methods, parts of the figure for many."""
    if num_methods <= MOST_TOGETHER:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    else:
        top, bottom = figure.subfigures(2, 1, height_ratios=heights)
    return top, bottom


def draw_methods(
    part: Figure | SubFigure | Axes,
    values: Mapping[str, np.ndarray],
    label: str,
    finish: Callable[[Axes], None],
) -> list[Axes]:
    """Draw one line per method: mean over runs, and their range as a band.

    More than six methods have a panel each, with the others behind it in grey.

    Args:
        part: where to draw; axes of its own for up to six methods.
        values: ``(runs, P)`` values of each method at P positions. More than 50
            positions become means of 25 groups of neighbours.
        label: label of the y axis.
        finish: called with each axes, to set scale, limits and ticks.

    Returns:
        The axes. If there is one, its lines have the labels of a legend.
    """
    size = next(iter(values.values())).shape[1]
    groups = np.array_split(np.arange(size), size if size <= MOST_POINTS else NUM_BINS)
    x = np.array([group.mean() for group in groups])
    means = {
        name: np.stack([_mean(runs[:, group]) for group in groups], axis=1)
        for name, runs in values.items()
    }
    together = len(values) <= MOST_TOGETHER
    rows = 1 if together else -(-len(values) // COLUMNS_OF_MANY)
    columns = 1 if together else COLUMNS_OF_MANY
    if isinstance(part, Axes):
        grid = np.array([[part]])
    else:
        grid = part.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    used = list(grid.flat)[: 1 if together else len(values)]
    for axes in list(grid.flat)[len(used) :]:
        axes.remove()
    for number, (name, runs) in enumerate(means.items()):
        axes = used[0] if together else used[number]
        style = line_style(number, len(values)) if together else line_style(0, 1)
        if not together:
            for other in means.values():
                axes.plot(x, _mean(other, 0), color=QUIET, lw=0.7, zorder=1)
            axes.set_title(name, fontsize=9)
        axes.plot(x, _mean(runs, 0), label=name, **style)
        low, high = np.fmin.reduce(runs, axis=0), np.fmax.reduce(runs, axis=0)
        axes.fill_between(x, low, high, color=style['color'], alpha=0.15, lw=0)
    for axes in used:
        axes.grid(alpha=0.3)
        finish(axes)
    for axes in used[-columns:]:
        axes.tick_params(labelbottom=True)
    for row in range(rows):
        if row == rows // 2:
            grid[row, 0].set_ylabel(label)
    return used


def _mean(values: np.ndarray, axis: int = 1) -> np.ndarray:
    """Mean of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=axis)
    number = known.sum(axis=axis)
    return np.where(number, total / np.maximum(number, 1), np.nan)
