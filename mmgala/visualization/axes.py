"""Elements shared by the plots: colours, class order, scales, legends, files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)

from mmgala.functional import ShotThresholds
from mmgala.utils.files import replacing

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLOURS = ('#0072B2', '#56B4E9', '#D55E00', '#E69F00', '#009E73', '#CC79A7')


def head_first(class_counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Class indices ``(C,)`` sorted by frequency, most frequent first."""
    return np.argsort(-np.asarray(class_counts), kind='stable')


def set_log_scale(axes: Axes) -> None:
    """Set a logarithmic y axis with plain numbers as tick labels."""
    axes.set_yscale('log')
    axes.yaxis.set_major_formatter(ScalarFormatter())
    low, high = axes.get_ylim()
    # A range of less than a decade has at most one major tick: label the minor ones.
    axes.yaxis.set_minor_formatter(
        ScalarFormatter() if high / low < 10 else NullFormatter()
    )


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


def label_classes(axes: Axes, order: np.ndarray) -> None:
    """Label the x axis with class indices, all of them if they fit."""
    axes.set_xlabel('class, from head to tail')
    if len(order) <= 20:
        axes.set_xticks(np.arange(len(order)), [str(c) for c in order])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def save_figure(figure: Figure, path: str | Path, title: str = '') -> None:
    """Write a figure atomically, in the format of the file extension."""
    figure.suptitle(title)
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
    rows = -(-len(names) // 3)
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


def share_legend(figure: Figure, axes: Axes) -> None:
    """Add one legend for all panels, above them."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 3 if figure.get_figwidth() > 6 else 1
    figure.legend(
        handles, labels, loc='outside upper center', ncols=columns, fontsize=8
    )
