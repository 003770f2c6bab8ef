"""Pictures of gradient statistics, head on the left (arXiv 2403.09036, figures 1, 2).

They take what :func:`mmgala.analysis.describe_gradients` gives, by the name of the run.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.ndimage import uniform_filter1d

from mmgala.visualization.axes import COLOURS, head_first, set_log_scale

Runs = Mapping[str, Mapping[str, Any]]
GROUP_COLOURS = {'many': '#0072B2', 'medium': '#E69F00', 'few': '#D55E00'}
GROUP_LABELS = {'many': 'many-shot', 'medium': 'medium-shot', 'few': 'few-shot'}


def draw_gradient_ratio(
    class_counts: Sequence[int] | np.ndarray, runs: Runs, title: str = ''
) -> Figure:
    """Positive over negative gradient of each class vector, most frequent first.

    Args:
        class_counts: training samples of each class, ``(C,)``.
        runs: ``ratio_total`` and ``ratio``, ``(C,)`` each, of each run.
        title: of the picture.
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
        for colour, (name, run) in zip(cycle(COLOURS[::2]), runs.items(), strict=False):
            _plot_classes(axes, _numbers(run[key])[order], name, colour)
        axes.axhline(1, color='grey', linewidth=1, linestyle='--', label='balanced')
        set_log_scale(axes)
        axes.set_ylabel(f'positive / negative gradient\n{label}')
        axes.grid(alpha=0.3)
    panels[0].legend(fontsize=8)
    panels[1].set_xlabel('class, from head to tail')
    figure.suptitle(title)
    return figure


def draw_gradient_sources(
    class_counts: Sequence[int] | np.ndarray, runs: Runs, title: str = ''
) -> Figure:
    """Who gives the negative gradient: shares by shot group, and the matrix.

    Args:
        class_counts: training samples of each class, ``(C,)``.
        runs: ``source_shares`` ``(C, 3)`` and ``matrix`` of each run.
        title: of the picture.
    """
    with_matrix = any(run['matrix'] for run in runs.values())
    rows = 2 if with_matrix else 1
    figure = Figure(figsize=(1 + 4 * len(runs), 0.5 + 3.5 * rows), layout='constrained')
    panels = figure.subplots(rows, len(runs), squeeze=False)
    order = head_first(class_counts)
    for column, (name, run) in zip(panels.T, runs.items(), strict=True):
        shares = np.array([_numbers(row) for row in run['source_shares']])[order]
        _stack_shares(column[0], shares)
        column[0].set_title(name, fontsize=10)
    panels[0, 0].set_ylabel("share of the class vector's\nnegative gradient")
    panels[0, 0].legend(fontsize=8, loc='lower left')
    if with_matrix:
        _draw_matrices(figure, panels[1], [run['matrix'] for run in runs.values()])
    figure.suptitle(title)
    return figure


def draw_gradient_course(runs: Runs, title: str = '') -> Figure:
    """How ratios, sources and summaries move over the training.

    Args:
        runs: ``unit``, ``steps``, ``ratio_by_group``, ``source_share_by_step`` and
            ``summary`` of each run.
        title: of the picture.
    """
    figure = Figure(figsize=(10, 7), layout='constrained')
    panels = figure.subplots(2, 2, sharex=True).flatten()
    unit = next(iter(runs.values()))['unit']
    styles = cycle(['-', '--', ':', '-.'])
    for style, (name, run) in zip(styles, runs.items(), strict=False):
        marker = 'o' if len(run['steps']) < 30 else None
        for axes, key in (
            (panels[0], 'ratio_by_group'),
            (panels[1], 'source_share_by_step'),
        ):
            for group, values in run[key].items():
                axes.plot(
                    run['steps'],
                    _numbers(values),
                    style,
                    color=GROUP_COLOURS[group],
                    label=f'{name}, {GROUP_LABELS[group]}',
                    marker=marker,
                    markersize=3,
                )
        for axes, key in (
            (panels[2], 'log_ratio_spread'),
            (panels[3], 'source_gini'),
        ):
            axes.plot(
                run['steps'],
                _numbers(run['summary'][key]),
                style,
                color='black',
                label=name,
                marker=marker,
                markersize=3,
            )
    for axes, label in zip(
        panels,
        (
            'positive / negative gradient',
            'share of all negative gradient given',
            'spread of the log ratio over classes',
            'Gini coefficient of the sources',
        ),
        strict=True,
    ):
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    panels[0].axhline(1, color='grey', linewidth=1, linestyle='--')
    for axes in panels[2:]:
        axes.set_ylim(bottom=0)
        axes.set_xlabel(unit)
    figure.suptitle(title)
    return figure


def figure_to_image(figure: Figure) -> np.ndarray:
    """Pixels of a figure, ``(H, W, 3)`` uint8, RGB: what a visualizer takes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _plot_classes(axes: Axes, values: np.ndarray, name: str, colour: str) -> None:
    """A line where classes can be told apart, else a cloud and its running mean."""
    x = np.arange(len(values))
    if len(values) <= 100:
        axes.plot(x, values, 'o-', color=colour, markersize=3, label=name)
        return
    axes.plot(x, values, '.', color=colour, markersize=2, alpha=0.25)
    axes.plot(x, _smoothed(values), color=colour, label=name)


def _stack_shares(axes: Axes, shares: np.ndarray) -> None:
    x = np.arange(len(shares))
    if len(shares) > 100:
        shares = np.stack([_smoothed(column) for column in shares.T], axis=1)
    groups = [name for name, s in zip(GROUP_LABELS, shares.T, strict=True) if s.any()]
    bottom = np.zeros(len(shares))
    for name, share in zip(GROUP_LABELS, np.nan_to_num(shares).T, strict=True):
        if name not in groups:
            continue
        axes.fill_between(
            x,
            bottom,
            bottom + share,
            step='mid',
            color=GROUP_COLOURS[name],
            label=f'from {GROUP_LABELS[name]}',
            lw=0,
        )
        bottom = bottom + share
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.5, len(shares) - 0.5)
    axes.set_xlabel('receiving class, from head to tail')


def _draw_matrices(
    figure: Figure, panels: np.ndarray, matrices: Sequence[Mapping[str, Any] | None]
) -> None:
    """Heat maps on one scale, each relative to its largest value."""
    values = [None if m is None else np.array(m['values']) for m in matrices]
    present = [v / v.max() for v in values if v is not None and v.max() > 0]
    smallest = min((float(v[v > 0].min()) for v in present), default=1e-3)
    lowest = max(smallest, 1e-4)
    norm = LogNorm(lowest, 1)
    image = None
    for axes, matrix in zip(panels, values, strict=True):
        if matrix is None or matrix.max() <= 0:
            axes.axis('off')
            continue
        image = axes.imshow(
            np.maximum(matrix / matrix.max(), lowest), norm=norm, cmap='viridis'
        )
        axes.set_xlabel('giving class, from head to tail')
    panels[0].set_ylabel('receiving class,\nfrom head to tail')
    if image is not None:
        figure.colorbar(image, ax=panels.tolist(), label='relative to the largest')


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Running mean over a fiftieth of the classes, without those that are NaN."""
    width = len(values) // 50 + 1
    known = ~np.isnan(values)
    total = uniform_filter1d(np.where(known, values, 0.0), width)
    share = uniform_filter1d(known.astype(float), width)
    return np.divide(total, share, out=np.full(len(values), np.nan), where=share > 0)


def _numbers(values: Any) -> np.ndarray:
    """Floats, with NaN for None."""
    return np.array(values, dtype=np.float64)
