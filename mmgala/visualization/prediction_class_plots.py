"""Figures of class accuracy and predicted class marginal, raw and re-balanced."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

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
    set_plain_ticks,
    share_legend,
)

# Kinds of predictions: name and colour in the figures.
KINDS = {'raw': ('raw', COLOURS[0]), 'rebalanced': ('re-balanced', COLOURS[2])}
FEW_CLASSES = 50  # more classes are grouped in bins

# Spread around the mean of several classes: its label and how to compute it.
Band = tuple[str, Spread]
# Not quantiles, as accuracies on few test samples take few distinct values.
DEVIATION: Band = ('standard deviation', percent_deviation)
QUARTILES: Band = ('interquartile range', quartiles)


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
        for kind, (name, colour) in KINDS.items():
            values = _floats(run[kind]['class_accuracy'])
            _plot_classes(axes, counts, values, bins, DEVIATION, name, colour)
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
    figure.supxlabel('training samples of the class', fontsize=10)
    figure.supylabel('test accuracy of the class (%)', fontsize=10)
    save_figure(figure, path, title)


def plot_class_mass(
    class_counts: Sequence[int] | np.ndarray,
    runs: Mapping[str, dict],
    path: str | Path,
    title: str = '',
    thresholds: ShotThresholds | None = None,
) -> None:
    """Plot the predicted class marginal relative to uniform, one panel per run.

    This is the bias that re-balancing removes. See :func:`plot_accuracy_by_count` for
    the arguments.
    """
    order = head_first(class_counts)
    counts = np.asarray(class_counts)[order]
    ranks = np.arange(len(order))
    bins = ranks if len(ranks) <= FEW_CLASSES else rank_bins(len(ranks), 40)
    figure, grid = panels(list(runs), (5, 4))
    for axes, run in zip(grid, runs.values(), strict=True):
        for kind, (name, colour) in KINDS.items():
            values = _floats(run[kind]['class_mass'])[order]
            _plot_classes(axes, ranks, values, bins, QUARTILES, name, colour)
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


def _floats(values: Sequence[float | None]) -> np.ndarray:
    return np.array(values, dtype=float)  # None becomes NaN


def _count_bins(counts: np.ndarray) -> np.ndarray:
    """Bin of each class: one class per bin, or 15 bins by count for many classes."""
    if len(counts) <= FEW_CLASSES:
        return np.argsort(head_first(counts))
    return count_bins(counts, 15)


def _plot_classes(
    axes: Axes,
    x: np.ndarray,
    values: np.ndarray,
    bins: np.ndarray,
    band: Band,
    name: str,
    colour: str,
) -> None:
    """Plot the mean of each bin, with a band if there are many classes."""
    band_name, spread = band
    curve = binned_curve(x, values, bins, spread)
    if len(curve.center) and len(x) > FEW_CLASSES:
        axes.fill_between(
            curve.center, curve.low, curve.high, color=colour, alpha=0.15, lw=0
        )
        name = f'{name}: mean and {band_name} of classes'
    axes.plot(curve.center, curve.mean, 'o-', color=colour, markersize=4, label=name)
