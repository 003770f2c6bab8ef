"""Figures with one value per class, most frequent classes on the left."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmgala.functional import SHOT_GROUPS, ShotThresholds
from mmgala.utils.class_curves import binned_curve, quartiles, rank_bins
from mmgala.visualization.axes import (
    COLOURS,
    group_borders,
    head_first,
    label_classes,
    mark_groups,
    save_figure,
    set_log_scale,
)

# Row, key in the report, label and colour of each line of `plot_class_vectors`.
VECTOR_LINES = (
    (0, 'own_similarity', 'features of the class', COLOURS[0]),
    (0, 'other_similarity', 'features of other classes', COLOURS[2]),
    (1, 'norm', 'norm', COLOURS[4]),
)
NUM_BINS = 40


def plot_class_accuracy(
    class_counts: Sequence[int] | np.ndarray,
    accuracies: Mapping[str, np.ndarray],
    path: str | Path,
    title: str = '',
) -> None:
    """Plot training counts and, below them, per-class accuracy of several methods.

    Args:
        class_counts: ``(C,)`` number of training samples per class.
        accuracies: ``(runs, C)`` accuracies in percent by method; their mean and range
            over runs are drawn.
        path: file to write; its extension sets the format.
        title: title of the figure.
    """
    figure = Figure(figsize=(8, 6), layout='constrained')
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    order = head_first(class_counts)
    _plot_counts(top, np.asarray(class_counts)[order])
    _plot_lines(bottom, {name: runs[:, order] for name, runs in accuracies.items()})
    bottom.set_ylabel('test accuracy of the class (%)')
    bottom.set_ylim(-3, 103)
    label_classes(bottom, order)
    save_figure(figure, path, title)


def plot_gradient_statistics(
    class_counts: Sequence[int] | np.ndarray,
    theta: Mapping[str, np.ndarray],
    ratio: Mapping[str, np.ndarray],
    path: str | Path,
    title: str = '',
) -> None:
    r"""Plot the summed positive gradient and the gradient ratio of each class.

    Args:
        class_counts: ``(C,)`` number of training samples per class.
        theta: ``(runs, C)`` positive logit gradient :math:`\theta` of each class,
            summed over training, by method.
        ratio: ``(runs, C)`` ratio of positive to negative logit gradient of each
            class, by method; 1 is balanced.
        path: file to write; its extension sets the format.
        title: title of the figure.
    """
    figure = Figure(figsize=(8, 6), layout='constrained')
    top, bottom = figure.subplots(2, 1, sharex=True)
    order = head_first(class_counts)
    for axes, values, label in (
        (top, theta, r'$\theta$: positive gradient, summed'),
        (bottom, ratio, 'positive / negative gradient'),
    ):
        _plot_lines(axes, {name: runs[:, order] for name, runs in values.items()})
        set_log_scale(axes)
        axes.set_ylabel(label)
    bottom.axhline(1, color='grey', linewidth=1, linestyle='--', label='balanced')
    bottom.legend(fontsize=8)
    label_classes(bottom, order)
    save_figure(figure, path, title)


def plot_class_vectors(
    class_counts: Sequence[int] | np.ndarray,
    runs: Mapping[str, dict],
    path: str | Path,
    title: str = '',
    thresholds: ShotThresholds | None = None,
) -> None:
    """Plot the cosine similarity to features and the norm of each class weight vector.

    Args:
        class_counts: ``(C,)`` number of training samples per class.
        runs: result of :func:`mmgala.analysis.describe_class_vectors` by name of the
            run; each run has its own column.
        path: file to write; its extension sets the format.
        title: title of the figure.
        thresholds: shot thresholds. Defaults to those of :class:`ShotThresholds`.
    """
    order = head_first(class_counts)
    counts = np.asarray(class_counts)[order]
    figure = Figure(figsize=(max(5 * len(runs), 6), 6), layout='constrained')
    grid = figure.subplots(2, len(runs), squeeze=False, sharex=True, sharey='row')
    for column, (name, run) in zip(grid.T, runs.items(), strict=True):
        for row, key, label, colour in VECTOR_LINES:
            values = np.array(run[key], dtype=float)[order]  # None becomes NaN
            _plot_classes(column[row], values, label, colour)
        column[0].axhline(0, color='grey', linewidth=1, linestyle='--')
        column[0].set_title(name, fontsize=10)
        label_classes(column[1], order)
    low, high = grid[0, 0].get_ylim()  # shared by the row
    grid[0, 0].set_ylim(low, high + 0.12 * (high - low))  # for the groups' names
    grid[1, 0].set_ylim(bottom=0)
    borders = group_borders(counts, thresholds)
    for row, names in zip(grid, (SHOT_GROUPS, ('', '', '')), strict=True):
        for axes in row:
            axes.grid(alpha=0.3)
            axes.tick_params(labelsize=8)
            axes.label_outer()
            mark_groups(axes, borders, names)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    columns = min(len(runs), 2)  # two entries are wider than one panel
    figure.legend(
        handles, labels, loc='outside lower center', ncols=columns, fontsize=8
    )
    grid[0, 0].set_ylabel('cosine similarity to')
    grid[1, 0].set_ylabel('norm of the class weight vector')
    save_figure(figure, path, title)


def _plot_counts(axes: Axes, counts: np.ndarray) -> None:
    bars = axes.bar(np.arange(len(counts)), counts, color='#999999')
    if len(counts) <= 20:
        axes.bar_label(bars, fontsize=8)
    set_log_scale(axes)
    axes.set_ylabel('training images')
    axes.margins(y=0.15)


def _plot_lines(axes: Axes, values: Mapping[str, np.ndarray]) -> None:
    # Up to three methods get distinct colours; more get pairs of similar colours.
    colours = COLOURS if len(values) > 3 else COLOURS[::2]
    for colour, (name, runs) in zip(cycle(colours), values.items(), strict=False):
        x = np.arange(runs.shape[1])
        axes.plot(x, runs.mean(axis=0), 'o-', color=colour, markersize=4, label=name)
        axes.fill_between(
            x, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.15, lw=0
        )
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)


def _plot_classes(axes: Axes, values: np.ndarray, label: str, colour: str) -> None:
    """Plot a point per class; with many classes, mean and quartiles of each bin."""
    ranks = np.arange(len(values))
    if len(values) <= 2 * NUM_BINS:
        known = ~np.isnan(values)
        axes.plot(
            ranks[known], values[known], 'o-', color=colour, markersize=4, label=label
        )
        return
    curve = binned_curve(ranks, values, rank_bins(len(values), NUM_BINS), quartiles)
    axes.fill_between(
        curve.center, curve.low, curve.high, color=colour, alpha=0.15, lw=0
    )
    label = f'{label}: mean and interquartile range'
    axes.plot(curve.center, curve.mean, 'o-', color=colour, markersize=3, label=label)
