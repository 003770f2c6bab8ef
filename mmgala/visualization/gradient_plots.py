"""Plots of gradient statistics (figures 1 and 2 of arXiv 2403.09036).

``runs`` is always the result of :func:`mmgala.analysis.describe_gradients` by name of
the run. The most frequent classes are on the left.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from mmgala.functional import SHOT_GROUPS
from mmgala.utils.class_curves import moving_average
from mmgala.visualization.axes import (
    COLOURS,
    head_first,
    label_classes,
    set_plain_ticks,
)

Runs = Mapping[str, Mapping[str, Any]]
# The first three are clearly distinct.
RUN_COLOURS = (*COLOURS[::2], *COLOURS[1::2])
GROUP_COLOURS = dict(zip(SHOT_GROUPS, ('#0072B2', '#E69F00', '#D55E00'), strict=True))
GROUP_LABELS = {group: f'{group}-shot' for group in SHOT_GROUPS}


def draw_gradient_ratio(
    class_counts: Sequence[int] | np.ndarray, runs: Runs, title: str = ''
) -> Figure:
    """Plot the ratio of positive to negative gradient of each class weight vector.

    Args:
        class_counts: ``(C,)`` number of training samples per class.
        runs: runs with ``ratio_total`` and ``ratio``, each ``(C,)``.
        title: title of the figure.
    """
    figure = Figure(figsize=(8, 6), layout='constrained')
    panels = figure.subplots(2, 1, sharex=True)
    order = head_first(class_counts)
    for axes, key, label in zip(
        panels,
        ('ratio_total', 'ratio'),
        ('whole training', 'last period'),
        strict=True,
    ):
        for colour, (name, run) in zip(cycle(RUN_COLOURS), runs.items(), strict=False):
            _plot_classes(axes, _numbers(run[key])[order], name, colour)
        axes.axhline(1, color='grey', linewidth=1, linestyle='--', label='balanced')
        _set_ratio_scale(axes)
        axes.set_ylabel(f'positive / negative gradient,\n{label}')
        axes.grid(alpha=0.3)
    panels[0].legend(fontsize=8)
    label_classes(panels[1], order)
    figure.suptitle(title)
    return figure


def draw_gradient_sources(
    class_counts: Sequence[int] | np.ndarray, runs: Runs, title: str = ''
) -> Figure:
    """Plot the sources of the negative gradient: shares of shot groups, and the matrix.

    Args:
        class_counts: ``(C,)`` number of training samples per class.
        runs: runs with ``source_shares``, ``(C, 3)``, and ``matrix``.
        title: title of the figure.
    """
    matrices = [run['matrix'] for run in runs.values()]
    rows = 2 if any(matrices) else 1
    width = 1 + 3.5 * max(len(runs), 2)
    figure = Figure(figsize=(width, 3.5 * rows), layout='constrained')
    parts = np.atleast_1d(figure.subfigures(rows, 1))
    panels = parts[0].subplots(1, len(runs), squeeze=False, sharey=True)[0]
    order = head_first(class_counts)
    for axes, (name, run) in zip(panels, runs.items(), strict=True):
        _stack_shares(
            axes, np.array([_numbers(r) for r in run['source_shares']])[order]
        )
        axes.set_title(name, fontsize=10)
        axes.set_xlabel(_label_axis(axes.xaxis, order, len(order), 'receiving class'))
    panels[0].set_ylabel("share of the class weight vector's\nnegative gradient")
    handles, labels = panels[0].get_legend_handles_labels()
    parts[0].legend(handles, labels, loc='outside right upper', fontsize=8)
    if rows == 2:
        _draw_matrices(parts[1], matrices)
    figure.suptitle(title)
    return figure


def draw_gradient_course(runs: Runs, title: str = '') -> Figure:
    """Plot ratios, sources and summaries over the training.

    Args:
        runs: runs with ``unit``, ``steps``, ``ratio_by_group``,
            ``source_share_by_step`` and ``summary``.
        title: title of the figure.
    """
    figure = Figure(figsize=(11, 6.5), layout='constrained')
    panels = figure.subplots(2, 3, sharex=True)
    for axes in panels[0, 1:]:
        axes.sharey(panels[0, 0])
    for colour, (name, run) in zip(cycle(RUN_COLOURS), runs.items(), strict=False):
        summary, ratios = run['summary'], run['ratio_by_group']
        courses = [
            *(ratios.get(group) for group in GROUP_LABELS),
            summary['log_ratio_spread'],
            summary['source_head_share'],
            summary['source_gini'],
        ]
        marker = 'o' if len(run['steps']) < 30 else None
        for axes, course in zip(panels.flat, courses, strict=True):
            if course is not None:
                axes.plot(
                    run['steps'],
                    _numbers(course),
                    color=colour,
                    label=name,
                    marker=marker,
                    markersize=3,
                )
    labels = [
        *(f'positive / negative gradient,\n{name}' for name in GROUP_LABELS.values()),
        'spread of log ratio\n(standard deviation over classes)',
        'share of negative gradient\nfrom the head',
        'Gini coefficient of sources',
    ]
    for axes, label in zip(panels.flat, labels, strict=True):
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    for axes in panels[0]:
        axes.axhline(1, color='grey', linewidth=1, linestyle='--')
        if len(axes.lines) == 1:
            axes.text(
                0.5,
                0.3,
                'no classes in this group',
                ha='center',
                transform=axes.transAxes,
            )
    for axes in panels[1]:
        axes.set_ylim(bottom=0)
        unit = next(iter(runs.values()))['unit']
        axes.set_xlabel('iteration' if unit == 'iter' else unit)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[1, 0].legend(fontsize=8)
    figure.suptitle(title)
    return figure


def figure_to_image(figure: Figure) -> np.ndarray:
    """Render a figure as an RGB image for visualizers: ``(H, W, 3)`` uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _plot_classes(axes: Axes, values: np.ndarray, name: str, colour: str) -> None:
    """Plot a line; with many classes, points and their moving average."""
    x = np.arange(len(values))
    if len(values) <= 100:
        axes.plot(x, values, 'o-', color=colour, markersize=3, label=name)
        return
    axes.plot(x, values, '.', color=colour, markersize=2, alpha=0.25)
    axes.plot(x, moving_average(values), color=colour, label=name)


def _set_ratio_scale(axes: Axes) -> None:
    """Set a logarithmic scale, on which 2 and 1/2 are equally far from 1."""
    axes.set_yscale('log')
    low, high = axes.get_ylim()
    set_plain_ticks(axes.yaxis)
    if high / low < 10:  # too few ticks at 1, 2, 5, 10, ...
        axes.yaxis.set_major_locator(MaxNLocator(6))


def _stack_shares(axes: Axes, shares: np.ndarray) -> None:
    if len(shares) > 100:
        shares = np.stack([moving_average(column) for column in shares.T], axis=1)
    bottom = np.zeros(len(shares))
    for group, share in zip(GROUP_LABELS, np.nan_to_num(shares).T, strict=True):
        if share.any():
            axes.stairs(
                bottom + share,
                np.arange(len(shares) + 1) - 0.5,
                baseline=bottom,
                fill=True,
                color=GROUP_COLOURS[group],
                label=f'from {GROUP_LABELS[group]}',
            )
        bottom = bottom + share
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.5, len(shares) - 0.5)


def _draw_matrices(
    part: SubFigure, matrices: Sequence[Mapping[str, Any] | None]
) -> None:
    """Draw heat maps, each relative to its largest value, on a common scale."""
    panels = part.subplots(1, len(matrices), squeeze=False, sharey=True)[0]
    relative = []
    for matrix in matrices:
        values = np.array(matrix['values']) if matrix else np.zeros((1, 1))
        relative.append(np.ma.masked_less_equal(values / max(values.max(), 1e-30), 0))
    lowest = min(
        (float(values.min()) for values in relative if values.count()), default=1.0
    )
    norm = LogNorm(max(lowest, 1e-4), 1, clip=True)
    for axes, values, matrix in zip(panels, relative, matrices, strict=True):
        if matrix is None:
            axes.text(
                0.5, 0.5, 'no matrix recorded', ha='center', transform=axes.transAxes
            )
            axes.axis('off')
            continue
        image = axes.imshow(values, norm=norm, cmap='viridis', aspect='auto')
        order, size = np.argsort(matrix['bins'], kind='stable'), len(values)
        axes.set_xlabel(_label_axis(axes.xaxis, order, size, 'source class'))
        receiving = _label_axis(axes.yaxis, order, size, 'receiving class')
        panels[0].set_ylabel(receiving.replace(', ', ',\n'))
    part.colorbar(image, ax=panels.tolist(), label='relative to the largest value')


def _label_axis(axis: Axis, order: np.ndarray, size: int, what: str) -> str:
    """Set the ticks of an axis of classes: their numbers, or ranks if they do not fit.

    Args:
        axis: of S positions.
        order: the C classes from head to tail.
        size: S, less than C if each position is a bin of several classes.
        what: what the positions are.

    Returns:
        Label of the axis, which says what its numbers are.
    """
    if size == len(order) <= 20:
        axis.set_ticks(np.arange(size), [str(c) for c in order])
        return f'{what}, from head to tail'
    axis.set_major_locator(MaxNLocator(4, integer=True))
    if size == len(order):
        return f'rank of the {what},\nfrom head to tail'
    return f'bin of the {what},\nfrom head to tail ({size} bins)'


def _numbers(values: Any) -> np.ndarray:
    """Convert to float64, with NaN for None."""
    return np.array(values, dtype=np.float64)
