"""Pictures with one value per class, head on the left."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmgala.visualization.axes import (
    COLOURS,
    head_first,
    label_classes,
    save_figure,
    set_log_scale,
)


def plot_class_accuracy(
    class_counts: Sequence[int] | np.ndarray,
    accuracies: Mapping[str, np.ndarray],
    path: str | Path,
    title: str = '',
) -> None:
    """Training counts above per-class accuracy of several methods.

    Args:
        class_counts: training samples of each class, ``(C,)``.
        accuracies: percent, ``(runs, C)`` per method; drawn as mean and range.
        path: picture to write; its ending tells the format.
        title: of the picture.
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
    r"""Accumulated positive gradient, and positive over negative, per class.

    Args:
        class_counts: training samples of each class, ``(C,)``.
        theta: :math:`\theta`, positive logit gradient of each class vector summed
            over training, ``(runs, C)`` per method.
        ratio: positive over negative logit gradient that each class vector received,
            ``(runs, C)`` per method. 1 is balanced.
        path: picture to write; its ending tells the format.
        title: of the picture.
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


def _plot_counts(axes: Axes, counts: np.ndarray) -> None:
    bars = axes.bar(np.arange(len(counts)), counts, color='#999999')
    if len(counts) <= 20:
        axes.bar_label(bars, fontsize=8)
    set_log_scale(axes)
    axes.set_ylabel('training images')
    axes.margins(y=0.15)


def _plot_lines(axes: Axes, values: Mapping[str, np.ndarray]) -> None:
    # Pairs of related methods get related colours; a few methods, distinct ones.
    colours = COLOURS if len(values) > 3 else COLOURS[::2]
    for colour, (name, runs) in zip(cycle(colours), values.items(), strict=False):
        x = np.arange(runs.shape[1])
        axes.plot(x, runs.mean(axis=0), 'o-', color=colour, markersize=4, label=name)
        axes.fill_between(
            x, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.15, lw=0
        )
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
