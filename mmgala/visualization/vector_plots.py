"""Similarity of class vectors to features, and their norms."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmgala.visualization.axes import (
    COLOURS,
    head_first,
    label_classes,
    mark_groups,
    save_figure,
)

# Row, key in the report, name and colour in the picture.
CURVES = (
    (0, 'own_similarity', "its own class's features", COLOURS[0]),
    (0, 'other_similarity', 'features of other classes', COLOURS[2]),
    (1, 'norm', 'norm', COLOURS[4]),
)
NUM_BINS = 40


def plot_class_vectors(
    class_counts: Sequence[int] | np.ndarray,
    runs: Mapping[str, dict],
    path: str | Path,
    title: str = '',
    limits: tuple[int, int] = (100, 20),
) -> None:
    """Cosine of each class vector to features, above its norm, a column per run.

    Args:
        class_counts: training samples of each class, ``(C,)``.
        runs: name of each run to what
            :func:`mmgala.analysis.describe_class_vectors` gives.
        path: picture to write; its ending tells the format.
        title: of the picture.
        limits: training samples above which a class is many-shot, and below which it
            is few-shot.
    """
    order = head_first(class_counts)
    counts = np.asarray(class_counts)[order]
    figure = Figure(figsize=(max(5 * len(runs), 6), 6), layout='constrained')
    grid = figure.subplots(2, len(runs), squeeze=False, sharex=True, sharey='row')
    for column, (name, run) in zip(grid.T, runs.items(), strict=True):
        for row, key, label, colour in CURVES:
            values = np.array(run[key], dtype=float)[order]  # None becomes NaN
            _plot_classes(column[row], values, label, colour)
        column[0].axhline(0, color='grey', linewidth=1, linestyle='--')
        column[0].set_title(name, fontsize=10)
        label_classes(column[1], order)
    low, high = grid[0, 0].get_ylim()  # which the row shares
    grid[0, 0].set_ylim(low, high + 0.12 * (high - low))  # room for the groups' names
    grid[1, 0].set_ylim(bottom=0)
    borders = (counts > limits[0]).sum() - 0.5, (counts >= limits[1]).sum() - 0.5
    for row, names in zip(grid, (('many', 'medium', 'few'), ('', '', '')), strict=True):
        for axes in row:
            axes.grid(alpha=0.3)
            axes.tick_params(labelsize=8)
            axes.label_outer()
            mark_groups(axes, borders, names)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', ncols=2, fontsize=8)
    grid[0, 0].set_ylabel('cosine of the class vector to')
    grid[1, 0].set_ylabel('norm of the class vector')
    save_figure(figure, path, title)


def _plot_classes(axes: Axes, values: np.ndarray, label: str, colour: str) -> None:
    """A point per class; of many, a mean per bin and the middle half of its classes."""
    ranks = np.arange(len(values))[~np.isnan(values)]
    if len(values) <= 2 * NUM_BINS:
        axes.plot(ranks, values[ranks], 'o-', color=colour, markersize=4, label=label)
        return
    bins = [part for part in np.array_split(ranks, NUM_BINS) if len(part)]
    centres = [part.mean() for part in bins]
    low, high = np.transpose([np.quantile(values[p], (0.25, 0.75)) for p in bins])
    axes.fill_between(centres, low, high, color=colour, alpha=0.15, lw=0)
    means = [values[part].mean() for part in bins]
    label = f'{label}: mean, middle half of classes'
    axes.plot(centres, means, 'o-', color=colour, markersize=3, label=label)
