"""Pictures with one value per class, head on the left."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

# Okabe and Ito's colours: told apart with every kind of colour vision.
COLOURS = ('#0072B2', '#56B4E9', '#D55E00', '#E69F00', '#009E73', '#CC79A7')


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
    order = _head_first(class_counts)
    _plot_counts(top, np.asarray(class_counts)[order])
    _plot_lines(bottom, {name: runs[:, order] for name, runs in accuracies.items()})
    bottom.set_ylabel('test accuracy of the class (%)')
    bottom.set_ylim(-3, 103)
    _finish(figure, bottom, order, path, title)


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
    order = _head_first(class_counts)
    for axes, values, label in (
        (top, theta, r'$\theta$: positive gradient, summed'),
        (bottom, ratio, 'positive / negative gradient'),
    ):
        _plot_lines(axes, {name: runs[:, order] for name, runs in values.items()})
        _set_log_scale(axes)
        axes.set_ylabel(label)
    bottom.axhline(1, color='grey', linewidth=1, linestyle='--', label='balanced')
    bottom.legend(fontsize=8)
    _finish(figure, bottom, order, path, title)


def _head_first(class_counts: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.argsort(-np.asarray(class_counts), kind='stable')


def _set_log_scale(axes: Axes) -> None:
    axes.set_yscale('log')
    axes.yaxis.set_major_formatter(ScalarFormatter())
    low, high = axes.get_ylim()
    # Less than a decade has one labelled tick or none: label those between.
    axes.yaxis.set_minor_formatter(
        ScalarFormatter() if high / low < 10 else NullFormatter()
    )


def _plot_counts(axes: Axes, counts: np.ndarray) -> None:
    bars = axes.bar(np.arange(len(counts)), counts, color='#999999')
    if len(counts) <= 20:
        axes.bar_label(bars, fontsize=8)
    _set_log_scale(axes)
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


def _finish(
    figure: Figure, axes: Axes, order: np.ndarray, path: str | Path, title: str
) -> None:
    axes.set_xlabel('class, from head to tail')
    if len(order) <= 20:
        axes.set_xticks(np.arange(len(order)), [str(c) for c in order])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(title)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
