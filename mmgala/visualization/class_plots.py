"""Plots with one value per class: accuracy, gradients, weight vectors and marginals."""

from collections.abc import Mapping, Sequence
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
    MOST_COLUMNS,
    class_axis_title,
    group_borders,
    head_first,
    label_classes,
    mark_groups,
    panels,
    save_figure,
    set_log_scale,
    set_plain_ticks,
    share_legend,
    stacked_panels,
)
from mmgala.visualization.method_lines import draw_methods, height_of, two_parts

# Row, key in the report, label, colour and style of each line of `plot_class_vectors`.
VECTOR_LINES = (
    (0, 'own_similarity', 'own-class similarity', COLOURS[0], 'o-'),
    (0, 'other_similarity', 'other-class similarity', COLOURS[2], 's--'),
    (1, 'norm', 'norm', COLOURS[4], 'o-'),
)
# Raw and re-balanced predictions: label and colour.
PREDICTION_STYLES = {
    'raw': ('raw', COLOURS[0]),
    'rebalanced': ('re-balanced', COLOURS[2]),
}
# Their lines, which differ in grey print too.
PREDICTION_LINES = {'raw': 'o-', 'rebalanced': 's--'}
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
    order = head_first(class_counts)
    height = height_of(len(accuracies), 4)
    figure = Figure(figsize=(8, 2 + height), layout='constrained')
    above, below = two_parts(figure, len(accuracies), (2, height))
    top = above if isinstance(above, Axes) else above.subplots()
    _plot_counts(top, np.asarray(class_counts)[order])

    def finish(axes: Axes) -> None:
        axes.set_ylim(-3, 103)
        label_classes(axes, order)
        axes.set_xlabel('')

    values = {name: runs[:, order] for name, runs in accuracies.items()}
    used = draw_methods(below, values, 'test accuracy (%)', finish)
    if len(used) > 1:
        label_classes(top, order)
        top.set_xlabel('')
    figure.supxlabel(class_axis_title(order), fontsize=10)
    if len(used) == 1:
        share_legend(figure, used[0])
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
    order = head_first(class_counts)
    height = height_of(len(theta), 3.2)
    figure = Figure(figsize=(8, 2 * height), layout='constrained')
    parts = two_parts(figure, len(theta), (1, 1))
    for part, values, label in (
        (parts[0], theta, r'summed positive gradient $\theta$'),
        (parts[1], ratio, 'positive / negative gradient'),
    ):

        def finish(axes: Axes, has_level: bool = values is ratio) -> None:
            set_log_scale(axes)
            if has_level:
                axes.axhline(1, color='grey', lw=1, linestyle='--', label='balanced')
            label_classes(axes, order)
            axes.set_xlabel('')

        sorted_values = {name: runs[:, order] for name, runs in values.items()}
        used = draw_methods(part, sorted_values, label, finish)
    figure.supxlabel(class_axis_title(order), fontsize=10)
    if len(used) == 1:
        share_legend(figure, used[0])
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
    figure, stacks = stacked_panels(list(runs), (max(4, 6 - len(runs)), 5.5))
    for stack, run in zip(stacks, runs.values(), strict=True):
        for row, key, label, colour, line in VECTOR_LINES:
            values = _floats(run[key])[order]
            _plot_values(
                stack[row], ranks, values, bins, QUARTILES, label, colour, line
            )
        stack[0].axhline(0, color='grey', linewidth=1, linestyle='--')
        label_classes(stack[1], order)
        stack[1].set_xlabel('')
    top, bottom = stacks[0]
    low, high = top.get_ylim()  # shared by all
    top.set_ylim(low, high + 0.12 * (high - low))  # for the groups' names
    bottom.set_ylim(bottom=0)
    borders = group_borders(counts, thresholds)
    for stack in stacks:
        for axes, names in zip(stack, (SHOT_GROUPS, ('', '', '')), strict=True):
            axes.grid(alpha=0.3)
            axes.tick_params(labelsize=8)
            mark_groups(axes, borders, names)
    for above, below in stacks[::MOST_COLUMNS]:
        above.set_ylabel('cosine similarity\nto features')
        below.set_ylabel('norm of the class\nweight vector')
    figure.supxlabel(class_axis_title(order), fontsize=10)
    share_legend(figure, top)
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
            line = PREDICTION_LINES[kind]
            _plot_values(axes, counts, values, bins, DEVIATION, name, colour, line)
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
            line = PREDICTION_LINES[kind]
            _plot_values(axes, ranks, values, bins, QUARTILES, name, colour, line)
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
    figure.supxlabel(class_axis_title(order), fontsize=10)
    figure.supylabel('predicted class marginal (1: uniform)', fontsize=10)
    save_figure(figure, path, title)


def _plot_counts(axes: Axes, counts: np.ndarray) -> None:
    bars = axes.bar(np.arange(len(counts)), counts, color='#999999')
    if len(counts) <= 20:
        axes.bar_label(bars, fontsize=8)
    set_log_scale(axes)
    axes.set_ylabel('training samples')
    axes.margins(y=0.15)


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
    line: str = 'o-',
) -> None:
    """Plot the mean of each bin, with a band if bins have several classes."""
    band_name, spread = band
    curve = binned_curve(x, values, bins, spread)
    if len(curve.center) and len(np.unique(bins)) < len(bins):
        axes.fill_between(
            curve.center, curve.low, curve.high, color=colour, alpha=0.15, lw=0
        )
        name = f'{name}: mean and {band_name} of classes'
    axes.plot(curve.center, curve.mean, line, color=colour, markersize=4, label=name)
