"""Plots of gradient statistics (figures 1 and 2 of arXiv 2403.09036).

``runs`` is always the result of :func:`mmgala.analysis.describe_gradients` by name of
the run. The most frequent classes are on the left.
"""

from collections.abc import Mapping, Sequence
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
    RUN_COLOURS,
    class_axis_title,
    head_first,
    label_classes,
    set_log_scale,
    set_title,
    share_legend,
)
from mmgala.visualization.method_lines import (
    LINE_STYLES,
    MARKERS,
    draw_methods,
    height_of,
    two_parts,
)

Runs = Mapping[str, Mapping[str, Any]]
GROUP_COLOURS = dict(zip(SHOT_GROUPS, ('#0072B2', '#E69F00', '#D55E00'), strict=True))
MOST_LINES = 100  # classes, of a line with a point each
MOST_SOURCES = 4  # runs beside each other
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
    order = head_first(class_counts)
    height = height_of(len(runs), 3)
    figure = Figure(figsize=(8, 2 * height), layout='constrained')
    parts = two_parts(figure, len(runs), (1, 1))

    def finish(axes: Axes) -> None:
        axes.axhline(1, color='grey', linewidth=1, linestyle='--', label='balanced')
        set_log_scale(axes)
        label_classes(axes, order)
        axes.set_xlabel('')

    for part, key, period in zip(
        parts, ('ratio_total', 'ratio'), ('whole training', 'last period'), strict=True
    ):
        values = {name: _numbers(run[key])[None, order] for name, run in runs.items()}
        label = f'positive / negative gradient,\n{period}'
        if isinstance(part, Axes) and len(order) > MOST_LINES:
            _draw_clouds(part, values)
            finish(part)
            part.set_ylabel(label)
            used = [part]
        else:
            used = draw_methods(part, values, label, finish)
    if len(used) == 1:
        share_legend(figure, used[0])
    figure.supxlabel(class_axis_title(order), fontsize=10)
    set_title(figure, title)
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
    order = head_first(class_counts)
    has_matrix = any(run['matrix'] for run in runs.values())
    blocks = [
        dict(list(runs.items())[start : start + MOST_SOURCES])
        for start in range(0, len(runs), MOST_SOURCES)
    ]
    rows = 2 if has_matrix else 1
    width = 1 + 3.5 * max(min(len(runs), MOST_SOURCES), 2)
    size = (width, 3.5 * rows * len(blocks))
    figure = Figure(figsize=size, layout='constrained')
    parts = np.atleast_1d(figure.subfigures(rows * len(blocks), 1))
    for number, block in enumerate(blocks):
        _draw_shares(parts[rows * number], block, order)
        if has_matrix:
            matrices = [run['matrix'] for run in block.values()]
            _draw_matrices(parts[rows * number + 1], matrices)
    set_title(figure, title)
    return figure


def _draw_shares(part: SubFigure, runs: Runs, order: np.ndarray) -> None:
    panels = part.subplots(1, len(runs), squeeze=False, sharey=True)[0]
    for axes, (name, run) in zip(panels, runs.items(), strict=True):
        _stack_shares(
            axes, np.array([_numbers(r) for r in run['source_shares']])[order]
        )
        axes.set_title(name, fontsize=10)
        axes.set_xlabel(_label_axis(axes.xaxis, order, len(order), 'receiving class'))
    panels[0].set_ylabel("share of the class weight vector's\nnegative gradient")
    handles, labels = panels[0].get_legend_handles_labels()
    part.legend(handles, labels, loc='outside right upper', fontsize=8)


def draw_gradient_course(runs: Runs, title: str = '') -> Figure:
    """Plot ratios, sources and summaries over the training.

    Args:
        runs: runs with ``unit``, ``steps``, ``ratio_by_group``,
            ``source_share_by_step`` and ``summary``.
        title: title of the figure.
    """
    height = 6.5 + 0.06 * len(runs)  # of which the legend takes a part
    figure = Figure(figsize=(11, height), layout='constrained')
    panels = figure.subplots(2, 3, sharex=True)
    for axes in panels[0, 1:]:
        axes.sharey(panels[0, 0])
    for number, (name, run) in enumerate(runs.items()):
        style = run_style(number)
        summary, ratios = run['summary'], run['ratio_by_group']
        courses = [
            *(ratios.get(group) for group in GROUP_LABELS),
            summary['log_ratio_spread'],
            summary['source_head_share'],
            summary['source_gini'],
        ]
        if len(run['steps']) >= 30:
            style['marker'] = None
        for axes, course in zip(panels.flat, courses, strict=True):
            if course is not None:
                axes.plot(run['steps'], _numbers(course), label=name, **style)
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
    share_legend(figure, panels[1, 0])
    set_title(figure, title)
    return figure


def figure_to_image(figure: Figure) -> np.ndarray:
    """Render a figure as an RGB image for visualizers: ``(H, W, 3)`` uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def run_style(number: int) -> dict:
    """Colour, marker and line of a run; the first 36 differ in one of them."""
    row = number // len(RUN_COLOURS)
    return dict(
        color=RUN_COLOURS[number % len(RUN_COLOURS)],
        marker=MARKERS[number % len(MARKERS)],
        linestyle=LINE_STYLES[(number + row) % len(LINE_STYLES)],
        markersize=3,
    )


def _draw_clouds(axes: Axes, values: Mapping[str, np.ndarray]) -> None:
    """Draw many classes as points, and their moving average as a line."""
    for number, (name, (points,)) in enumerate(values.items()):
        style = run_style(number)
        colour, x = style['color'], np.arange(len(points))
        axes.plot(x, points, '.', color=colour, markersize=2, alpha=0.25)
        style |= dict(marker=None, label=name)
        axes.plot(x, moving_average(points), **style)
    axes.grid(alpha=0.3)


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
    image = None
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
    if image is not None:
        label = 'relative to the largest value'
        part.colorbar(image, ax=panels.tolist(), label=label)


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
