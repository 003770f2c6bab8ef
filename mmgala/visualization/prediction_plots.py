"""Plots that compare predictions of several runs, raw and re-balanced.

``runs`` is always the result of :func:`mmgala.analysis.analyse_predictions` by name of
the run; ``path`` is the file to write, whose extension sets the format.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmgala.functional import METRIC_NAMES
from mmgala.visualization.axes import COLOURS, panels, save_figure, share_legend
from mmgala.visualization.class_plots import PREDICTION_STYLES

CURVE_STYLES = {  # name, colour and line width
    'top1': (METRIC_NAMES['top1'], '#BBBBBB', 4.0),
    'class_mean': (METRIC_NAMES['class_mean'], 'black', 1.5),
    'many': ('many-shot', COLOURS[0], 1.5),
    'medium': ('medium-shot', COLOURS[4], 1.5),
    'few': ('few-shot', COLOURS[2], 1.5),
}


def plot_shot_confusion(
    runs: Mapping[str, dict], path: str | Path, title: str = ''
) -> None:
    """Plot the confusion matrix of the shot groups: raw above, re-balanced below."""
    figure = Figure(figsize=(1 + 2.8 * len(runs), 5.8), layout='constrained')
    grid = figure.subplots(2, len(runs), squeeze=False, sharex=True, sharey=True)
    for column, (run_name, run) in zip(grid.T, runs.items(), strict=True):
        for axes, (kind, (name, _)) in zip(
            column, PREDICTION_STYLES.items(), strict=True
        ):
            axes.set_title(f'{run_name}, {name}', fontsize=10)
            _draw_matrix(axes, run[kind]['confusion'])
            axes.label_outer()
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
        for key, (name, colour, width) in CURVE_STYLES.items():
            if key in curve:
                values = np.array(curve[key], dtype=float)
                axes.plot(curve['tau'], values, color=colour, lw=width, label=name)
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
    figure = Figure(figsize=(1 + 3.6 * len(runs), 5), layout='constrained')
    grid = figure.subplots(
        2, len(runs), squeeze=False, sharex=True, sharey='row', height_ratios=(3, 1)
    )
    for (top, bottom), (run_name, run) in zip(grid.T, runs.items(), strict=True):
        top.plot([0, 1], [0, 1], color='grey', lw=1, ls='--', label='calibrated')
        for kind, (name, colour) in PREDICTION_STYLES.items():
            bins = run[kind]['reliability']
            confidence, accuracy, count = (
                np.array(bins[key], dtype=float)
                for key in ('confidence', 'accuracy', 'count')
            )
            filled = count > 0
            label = f'{name}, ECE {run[kind]["metrics"]["ece"]:.1f}%'
            top.plot(
                confidence[filled],
                accuracy[filled],
                'o-',
                color=colour,
                ms=4,
                label=label,
            )
            edges = np.linspace(0, 1, len(count) + 1)
            share = 100 * count / count.sum()
            bottom.stairs(share, edges, color=colour, fill=True, alpha=0.2)
            bottom.stairs(share, edges, color=colour)
        top.set_title(run_name, fontsize=10)
        top.legend(fontsize=8)
        for axes in (top, bottom):
            axes.grid(alpha=0.3)
    grid[0, 0].set_ylabel('accuracy')
    grid[1, 0].set_ylabel('samples (%)')
    figure.supxlabel('confidence (largest score)', fontsize=10)
    save_figure(figure, path, title)
