"""Plots that compare predictions draw the given numbers."""

import numpy as np
import pytest

from mmgala.visualization.prediction_plots import (
    plot_reliability,
    plot_shot_confusion,
    plot_tau_curve,
)

RUN = {
    'tau': 1.5,
    'raw': {
        'metrics': {'ece': 12.34},
        'confusion': {'groups': ['many', 'few'], 'values': [[75.0, 25.0], [None] * 2]},
        'reliability': {
            'confidence': [None, 0.45, 0.9],
            'accuracy': [None, 0.5, 0.6],
            'count': [0, 10, 30],
        },
    },
    'tau_curve': {
        'tau': [0.0, 1.5, 3.0],
        'top1': [50.0, 55.0, 52.0],
        'class_mean': [40.0, 45.0, 42.0],
        'few': [None, None, None],
    },
}
RUN['rebalanced'] = {**RUN['raw'], 'metrics': {'ece': 7.0}}


def lines_of(axes):
    return {line.get_label(): line.get_xydata() for line in axes.get_lines()}


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def test_confusion_labels_every_share_and_a_dash_for_undefined(tmp_path, figures):
    runs = {'CE': RUN, 'GALA': RUN}
    plot_shot_confusion(runs, tmp_path / 'a.png')
    titles = [axes.get_title() for axes in figures[0].axes]
    assert titles == [
        'CE,\nraw', 'GALA,\nraw', 'CE,\nre-balanced', 'GALA,\nre-balanced'
    ]  # fmt: skip
    for axes in figures[0].axes:
        assert texts_of(axes) == ['75.0', '25.0', '-', '-']
        (image,) = axes.get_images()
        np.testing.assert_allclose(
            image.get_array().filled(np.nan), [[75, 25], [np.nan, np.nan]]
        )
    last = figures[0].axes[2]
    assert [tick.get_text() for tick in last.get_xticklabels()] == ['many', 'few']


def test_tau_curve_marks_the_used_tau_and_warns(tmp_path, figures):
    plot_tau_curve({'CE': RUN}, tmp_path / 'a.png')
    (axes,) = figures[0].axes
    lines = lines_of(axes)
    np.testing.assert_allclose(lines['top-1'], [[0, 50], [1.5, 55], [3, 52]])
    np.testing.assert_allclose(lines['class mean'][:, 1], [40, 45, 42])
    assert 'many-shot' not in lines
    assert np.isnan(lines['few-shot'][:, 1]).all()
    assert any(set(line[:, 0]) == {1.5} for line in lines.values())
    assert texts_of(axes) == [r'used: $\tau$ = 1.5']
    assert 'not from this curve' in figures[0].get_supxlabel()
    (legend,) = figures[0].legends
    assert legend.get_window_extent().y0 > axes.get_window_extent().y1, 'covers curves'


def test_reliability_shows_filled_bins_and_shares_of_samples(tmp_path, figures):
    plot_reliability({'CE': RUN}, tmp_path / 'a.png')
    top, bottom = figures[0].axes
    lines = lines_of(top)
    np.testing.assert_allclose(lines['raw'], [[0.45, 0.5], [0.9, 0.6]])
    assert top.get_title() == 'CE\nECE: raw 12.3%, re-balanced 7.0%'
    assert figures[0].legends[0].get_window_extent().y0 > top.get_window_extent().y1
    steps = [patch.get_data() for patch in bottom.patches]
    for step in steps:
        np.testing.assert_allclose(step.values, [0, 25, 75])
        np.testing.assert_allclose(step.edges, [0, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize('number', [1, 4, 5])
def test_every_run_has_a_panel(tmp_path, figures, number):
    runs = {f'run {i}': RUN for i in range(number)}
    plot_tau_curve(runs, tmp_path / 'a.png')
    assert [axes.get_title() for axes in figures[0].axes] == list(runs)
