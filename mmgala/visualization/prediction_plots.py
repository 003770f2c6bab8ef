"""Plots that compare predictions of several runs, raw and re-balanced.

``runs`` is always the result of :func:`mmgala.analysis.analyse_predictions` by name of
the run; ``path`` is the file to write, whose extension sets the format.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from mmgala.functional import METRIC_NAMES
from mmgala.visualization.axes import (
    COLOURS,
    MOST_COLUMNS,
    panels,
    save_figure,
    share_legend,
    stacked_panels,
)
from mmgala.visualization.class_plots import PREDICTION_LINES, PREDICTION_STYLES

CURVE_STYLES = {  # name, colour, line width and style
    'top1': (METRIC_NAMES['top1'], '#BBBBBB', 4.0, '-'),
    'class_mean': (METRIC_NAMES['class_mean'], 'black', 1.5, '-'),
    'many': ('many-shot', COLOURS[0], 1.5, '--'),
    'medium': ('medium-shot', COLOURS[4], 1.5, '-.'),
    'few': ('few-shot', COLOURS[2], 1.5, '-'),
}


def plot_shot_confusion(
    runs: Mapping[str, dict], path: str | Path, title: str = ''
) -> None:
    """Plot the confusion matrix of the shot groups: raw above, re-balanced below."""
    figure, stacks = stacked_panels(list(runs), (max(2.8, 6 - 1.4 * len(runs)), 5.8))
    for stack, (run_name, run) in zip(stacks, runs.items(), strict=True):
        for axes, (kind, (name, _)) in zip(
            stack, PREDICTION_STYLES.items(), strict=True
        ):
            axes.set_title(f'{run_name},\n{name}', fontsize=9)
            _draw_matrix(axes, run[kind]['confusion'])
    figure.supxlabel('shot group of the predicted class', fontsize=10)
    figure.supylabel('shot group of the true class (% of its samples)', fontsize=10)
    save_figure(figure, path, title)


def _draw_matrix(axes: Axes, confusion: dict) -> None:
    values = np.array(confusion['values'], dtype=float)
    axes.imshow(values, cmap='Blues', vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(values):
        text = '-' if np.isnan(value) else f'{value:.1f}'
        colour = 'white' if value > 60 else 'black'
        axes.text(column, row, text, ha='center', va='center', color=colour)
    ticks = range(len(values))
    axes.set_xticks(ticks, confusion['groups'])
    axes.set_yticks(ticks, confusion['groups'])


def plot_tau_curve(runs: Mapping[str, dict], path: str | Path, title: str = '') -> None:
    """Plot accuracy against the strength of re-balancing, and mark the one in use."""
    figure, grid = panels(list(runs), (5, 4))
    for axes, run in zip(grid, runs.values(), strict=True):
        curve = run['tau_curve']
        for key, (name, colour, width, style) in CURVE_STYLES.items():
            if key in curve:
                values = np.array(curve[key], dtype=float)
                axes.plot(
                    curve['tau'], values, style, color=colour, lw=width, label=name
                )
        late = run['tau'] > curve['tau'][-1] / 2
        axes.axvline(run['tau'], color='black', linewidth=1, linestyle='--')
        axes.annotate(
            rf'used: $\tau$ = {run["tau"]:g}',
            (run['tau'], 0.02),
            xycoords=('data', 'axes fraction'),
            xytext=(-3 if late else 3, 0),
            textcoords='offset points',
            ha='right' if late else 'left',
            fontsize=8,
        )
        axes.grid(alpha=0.3)
    share_legend(figure, grid[0])  # inside, it would cover curves
    figure.supylabel('accuracy (%)', fontsize=10)
    figure.supxlabel(
        r'strength of re-balancing $\tau$'
        '\n'
        r'For information only: choose $\tau$ on validation data, not from this curve.',
        fontsize=9,
    )
    save_figure(figure, path, title)


def plot_reliability(
    runs: Mapping[str, dict], path: str | Path, title: str = ''
) -> None:
    """Plot accuracy and the share of samples against confidence."""
    size = (max(3.6, 5.2 - 0.6 * len(runs)), 5)
    figure, stacks = stacked_panels(list(runs), size, (3, 1))
    for (top, bottom), run in zip(stacks, runs.values(), strict=True):
        errors = []
        top.plot([0, 1], [0, 1], color='grey', lw=1, ls='--', label='calibrated')
        for kind, (name, colour) in PREDICTION_STYLES.items():
            bins = run[kind]['reliability']
            confidence, accuracy, count = (
                np.array(bins[key], dtype=float)
                for key in ('confidence', 'accuracy', 'count')
            )
            filled = count > 0
            errors.append(f'{name} {run[kind]["metrics"]["ece"]:.1f}%')
            style = PREDICTION_LINES[kind]
            top.plot(
                confidence[filled],
                accuracy[filled],
                style,
                color=colour,
                ms=4,
                label=name,
            )
            edges = np.linspace(0, 1, len(count) + 1)
            share = 100 * count / count.sum()
            bottom.stairs(share, edges, color=colour, fill=True, alpha=0.2)
            bottom.stairs(share, edges, color=colour)
        top.set_title(f'{top.get_title()}\nECE: {", ".join(errors)}', fontsize=9)
        for axes in (top, bottom):
            axes.grid(alpha=0.3)
    for top, bottom in stacks[::MOST_COLUMNS]:
        top.set_ylabel('accuracy')
        bottom.set_ylabel('samples (%)')
    share_legend(figure, stacks[0][0])
    figure.supxlabel('confidence (largest score)', fontsize=10)
    save_figure(figure, path, title)
