"""Elements shared by the plots: colours, class order, scales, legends, files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import (
    FixedLocator,
    MaxNLocator,
    NullLocator,
)

from mmgala.functional import ShotThresholds
from mmgala.utils.files import replacing

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLOURS = ('#0072B2', '#56B4E9', '#D55E00', '#E69F00', '#009E73', '#CC79A7')
# The first three are clearly distinct.
RUN_COLOURS = (*COLOURS[::2], *COLOURS[1::2])
MOST_CLASS_LABELS = 20
ABOVE = 'legend above the panels'
MOST_COLUMNS = 3  # of panels


def head_first(class_counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Class indices ``(C,)`` sorted by frequency, most frequent first."""
    return np.argsort(-np.asarray(class_counts), kind='stable')


def set_log_scale(axes: Axes) -> None:
    """Set a logarithmic y axis with plain numbers as tick labels, several of them."""
    axes.set_yscale('log')
    low, high = axes.get_ylim()
    set_plain_ticks(axes.yaxis)
    if high / low < 10:  # too few ticks at 1, 2, 5, 10, ...
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def set_plain_ticks(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2, 5, 10, ..., and a symlog axis at 0 too."""
    low, high = axis.get_view_interval()
    wide = high > 1e4 * max(low, 1)  # only powers of ten fit
    steps = (1,) if wide else (1, 2, 5)
    first = 0 if axis.get_scale() == 'symlog' else -9  # linear from 0 to 1
    ticks = [step * 10.0**power for power in range(first, 10) for step in steps]
    axis.set_major_locator(FixedLocator([0, *ticks]))
    axis.set_major_formatter('{x:g}')
    axis.set_minor_locator(NullLocator())


def group_borders(
    class_counts: np.ndarray, thresholds: ShotThresholds | None
) -> tuple[float, float]:
    """Borders between the shot groups on an axis of classes, most frequent first.

    Args:
        class_counts: ``(C,)`` number of training samples per class.
        thresholds: shot thresholds. Defaults to those of :class:`ShotThresholds`.
    """
    group = (thresholds or ShotThresholds()).group_of(torch.as_tensor(class_counts))
    return int((group < 1).sum()) - 0.5, int((group < 2).sum()) - 0.5


def mark_groups(axes: Axes, borders: tuple[float, float], names: Sequence[str]) -> None:
    """Draw dotted lines between the shot groups, and their names at the top.

    Args:
        axes: axes whose x limits and scale are final.
        borders: x values of the two borders, from left to right.
        names: names of the three groups, from left to right.
    """
    low, high = axes.get_xlim()
    for border in borders:
        if low < border < high:
            axes.axvline(border, color='grey', linewidth=1, linestyle=':')
    ends = (low, *np.clip(borders, low, high), high)
    pixels = axes.transData.transform([(x, 1) for x in ends])[:, 0]
    left, right = pixels[0], pixels[-1]
    for name, a, b in zip(names, pixels[:-1], pixels[1:], strict=True):
        if (b - a) > 0.08 * (right - left):  # otherwise the name does not fit
            x = ((a + b) / 2 - left) / (right - left)
            axes.text(
                x,
                0.985,
                name,
                transform=axes.transAxes,
                ha='center',
                va='top',
                color='grey',
                fontsize=8,
            )


def class_axis_title(order: np.ndarray) -> str:
    """What the numbers on an axis of classes are."""
    what = 'class' if len(order) <= MOST_CLASS_LABELS else 'rank of the class'
    return f'{what}, from head to tail'


def label_classes(axes: Axes, order: np.ndarray) -> None:
    """Label the x axis with class indices if they all fit, and otherwise with ranks."""
    axes.set_xlabel(class_axis_title(order))
    if len(order) <= MOST_CLASS_LABELS:
        axes.set_xticks(np.arange(len(order)), [str(c) for c in order])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def set_title(figure: Figure, title: str) -> None:
    """Set the title of a figure, above the legend of :func:`share_legend` if any.

    Matplotlib would draw both at the same place.
    """
    above = [legend for legend in figure.legends if legend.get_gid() == ABOVE]
    if above:
        above[0].set_title(title, prop=FontProperties(size=12))
    else:
        figure.suptitle(title)


def save_figure(figure: Figure, path: str | Path, title: str = '') -> None:
    """Write a figure atomically, in the format of the file extension."""
    set_title(figure, title)
    with replacing(path) as unfinished:
        figure.savefig(unfinished, dpi=150, format=unfinished.suffix[1:] or 'png')


def panels(
    names: Sequence[str], size: tuple[float, float]
) -> tuple[Figure, list[Axes]]:
    """Create a figure with one panel per name, in rows of up to three.

    Args:
        names: titles of the panels.
        size: width and height of a panel, in inches.
    """
    rows = -(-len(names) // MOST_COLUMNS)
    columns = -(-len(names) // rows)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout='constrained')
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    used = list(grid.flat[: len(names)])
    for axes, name in zip(used, names, strict=True):
        axes.set_title(name, fontsize=10)
        axes.label_outer()
    for axes in used[-columns:]:  # also above an empty cell
        axes.xaxis.set_tick_params(labelbottom=True)
    for axes in grid.flat[len(names) :]:
        axes.remove()
    return figure, used


def stacked_panels(
    names: Sequence[str], size: tuple[float, float], heights: Sequence[float] = (1, 1)
) -> tuple[Figure, list[list[Axes]]]:
    """Create a figure with several axes below each other for each name.

    Args:
        names: titles of the stacks, which stand in rows of up to three.
        size: width and height of a stack, in inches.
        heights: relative heights of the axes in a stack.

    Returns:
        The figure, and the axes of each stack from top to bottom. Axes at the same
        height in their stacks share their limits, and all share the x axis.
    """
    rows = -(-len(names) // MOST_COLUMNS)
    columns = -(-len(names) // rows)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout='constrained')
    deep = len(heights)
    grid = figure.add_gridspec(rows * deep, columns, height_ratios=[*heights] * rows)
    stacks: list[list[Axes]] = [[] for _ in names]
    for row in range(rows * deep):
        for number in range(len(names))[row // deep * columns :][:columns]:
            column, level = number % columns, row % deep
            axes = figure.add_subplot(
                grid[row, column],
                sharex=stacks[0][0] if stacks[0] else None,
                sharey=stacks[0][level] if len(stacks[0]) > level else None,
            )
            axes.tick_params(labelbottom=level == deep - 1, labelleft=column == 0)
            if level == 0:
                axes.set_title(names[number], fontsize=10)
            stacks[number].append(axes)
    return figure, stacks


def share_legend(figure: Figure, axes: Axes) -> None:
    """Add one legend for all panels, outside of them, where it covers no data."""
    handles, labels = axes.get_legend_handles_labels()
    letters = max(map(len, labels), default=1)
    fitting = int(figure.get_figwidth() / (0.6 + 0.065 * letters))
    columns = max(1, min(fitting, 4, len(labels)))
    legend = figure.legend(
        handles,
        labels,
        loc='outside upper center',
        ncols=columns,
        fontsize=8,
        frameon=False,
    )
    legend.set_gid(ABOVE)
