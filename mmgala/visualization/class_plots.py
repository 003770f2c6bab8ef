"""Plots with one value per class: accuracy, gradients, weight vectors and marginals."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmgala.functional import SHOT_GROUPS, ShotThresholds
from mmgala.utils.class_curves import (
    Spread,
    binned_curve,
    count_bins,
    percent_deviation,
    quartiles,
    rank_bins,
)
from mmgala.visualization.axes import (
    COLOURS,
    group_borders,
    head_first,
    label_classes,
    mark_groups,
    panels,
    save_figure,
    set_log_scale,
    set_plain_ticks,
    share_legend,
)

# Row, key in the report, label and colour of each line of `plot_class_vectors`.
VECTOR_LINES = (
    (0, 'own_similarity', 'own-class similarity', COLOURS[0]),
    (0, 'other_similarity', 'other-class similarity', COLOURS[2]),
    (1, 'norm', 'norm', COLOURS[4]),
)
# Raw and re-balanced predictions: label and colour.
PREDICTION_STYLES = {
    'raw': ('raw', COLOURS[0]),
    'rebalanced': ('re-balanced', COLOURS[2]),
}
NUM_BINS = 40  # of consecutive classes, if there are too many to draw each of them
FEW_CLASSES = 50  # up to which the predictions of each class are drawn

# Spread around the mean of several classes: its name and how to compute it.
Band = tuple[str, Spread]
# Not quantiles, as accuracies on few test samples take few distinct values.
DEVIATION: Band = ('standard deviation', percent_deviation)
QUARTILES: Band = ('interquartile range', quartiles)


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
    bottom.set_ylabel('test accuracy (%)')
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
        (top, theta, r'summed positive gradient $\theta$'),
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
    """Plot each class weight vector's norm and its cosine similarity to features.

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
    ranks = np.arange(len(order))
    single = len(ranks) <= 2 * NUM_BINS
    bins = ranks if single else rank_bins(len(ranks), NUM_BINS)
    figure = Figure(figsize=(max(5 * len(runs), 6), 6), layout='constrained')
    grid = figure.subplots(2, len(runs), squeeze=False, sharex=True, sharey='row')
    for column, (name, run) in zip(grid.T, runs.items(), strict=True):
        for row, key, label, colour in VECTOR_LINES:
            values = _floats(run[key])[order]
            _plot_values(column[row], ranks, values, bins, QUARTILES, label, colour)
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
    grid[0, 0].set_ylabel('cosine similarity to features')
    grid[1, 0].set_ylabel('norm of the class weight vector')
    save_figure(figure, path, title)


def plot_accuracy_by_count(
    class_counts: Sequence[int] | np.ndarray,
    runs: Mapping[str, dict],
    path: str | Path,
    title: str = '',
    thresholds: ShotThresholds | None = None,
) -> None:
    """Plot class accuracy against the number of training samples, one panel per run.

    Args:
        class_counts: ``(C,)`` number of training samples per class.
        runs: result of :func:`mmgala.analysis.analyse_predictions` by name of the
            run.
        path: file to write; its extension sets the format.
        title: title of the figure.
        thresholds: shot thresholds. Defaults to those of :class:`ShotThresholds`.
    """
    counts = np.asarray(class_counts)
    thresholds = thresholds or ShotThresholds()
    bins = _count_bins(counts)
    figure, grid = panels(list(runs), (5, 4))
    for axes, run in zip(grid, runs.values(), strict=True):
        for kind, (name, colour) in PREDICTION_STYLES.items():
            values = _floats(run[kind]['class_accuracy'])
            _plot_values(axes, counts, values, bins, DEVIATION, name, colour)
        if counts.min() > 0:
            axes.set_xscale('log')
        else:  # the logarithm of 0 is undefined
            axes.set_xscale('symlog', linthresh=1)
        axes.set_ylim(-3, 108)
        set_plain_ticks(axes.xaxis)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8)
        mark_groups(axes, (thresholds.few, thresholds.many), SHOT_GROUPS[::-1])
    share_legend(figure, grid[0])
    figure.supxlabel('training samples', fontsize=10)
    figure.supylabel('test accuracy (%)', fontsize=10)
    save_figure(figure, path, title)


def plot_class_mass(
    class_counts: Sequence[int] | np.ndarray,
    runs: Mapping[str, dict],
    path: str | Path,
    title: str = '',
    thresholds: ShotThresholds | None = None,
) -> None:
    """Plot the predicted class marginal relative to uniform, one panel per run.

    It shows the bias that re-balancing removes. For the arguments see
    :func:`plot_accuracy_by_count`.
    """
    order = head_first(class_counts)
    counts = np.asarray(class_counts)[order]
    ranks = np.arange(len(order))
    bins = ranks if len(ranks) <= FEW_CLASSES else rank_bins(len(ranks), NUM_BINS)
    figure, grid = panels(list(runs), (5, 4))
    for axes, run in zip(grid, runs.values(), strict=True):
        for kind, (name, colour) in PREDICTION_STYLES.items():
            values = _floats(run[kind]['class_mass'])[order]
            _plot_values(axes, ranks, values, bins, QUARTILES, name, colour)
        axes.axhline(1, color='black', linewidth=1, linestyle='--', label='uniform')
        axes.set_yscale('log')
        axes.grid(alpha=0.3)
        label_classes(axes, order)
        axes.set_xlabel('')
        axes.tick_params(labelsize=8)
        mark_groups(axes, group_borders(counts, thresholds), SHOT_GROUPS)
    low, high = grid[0].get_ylim()  # shared by all panels
    grid[0].set_ylim(max(low, 1e-3), high * 1.3)
    for axes in grid:
        set_plain_ticks(axes.yaxis)
    share_legend(figure, grid[0])
    figure.supxlabel('class, from head to tail', fontsize=10)
    figure.supylabel('predicted class marginal (1: uniform)', fontsize=10)
    save_figure(figure, path, title)


def _plot_counts(axes: Axes, counts: np.ndarray) -> None:
    bars = axes.bar(np.arange(len(counts)), counts, color='#999999')
    if len(counts) <= 20:
        axes.bar_label(bars, fontsize=8)
    set_log_scale(axes)
    axes.set_ylabel('training samples')
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


def _floats(values: Sequence[float | None]) -> np.ndarray:
    return np.array(values, dtype=float)  # None becomes NaN


def _count_bins(counts: np.ndarray) -> np.ndarray:
    """Bin of each class: its own, or with many classes, one of 15 bins by count."""
    if len(counts) <= FEW_CLASSES:
        return np.argsort(head_first(counts))
    return count_bins(counts, 15)


def _plot_values(
    axes: Axes,
    x: np.ndarray,
    values: np.ndarray,
    bins: np.ndarray,
    band: Band,
    name: str,
    colour: str,
) -> None:
    """Plot the mean of each bin, with a band if bins have several classes."""
    band_name, spread = band
    curve = binned_curve(x, values, bins, spread)
    if len(curve.center) and len(np.unique(bins)) < len(bins):
        axes.fill_between(
            curve.center, curve.low, curve.high, color=colour, alpha=0.15, lw=0
        )
        name = f'{name}: mean and {band_name} of classes'
    axes.plot(curve.center, curve.mean, 'o-', color=colour, markersize=4, label=name)
