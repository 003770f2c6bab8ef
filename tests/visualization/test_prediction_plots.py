"""Figures of predictions draw the given numbers."""

import copy

import numpy as np
import pytest

from mmgala.visualization.prediction_class_plots import (
    plot_accuracy_by_count,
    plot_class_mass,
)
from mmgala.visualization.prediction_plots import (
    plot_reliability,
    plot_shot_confusion,
    plot_tau_curve,
)

COUNTS = [5, 500, 50]  # class 1 is the most frequent
HEAD_FIRST = [1, 2, 0]
RUN = {
    'tau': 1.5,
    'raw': {
        'metrics': {'ece': 12.34},
        'class_accuracy': [10.0, 90.0, 40.0],
        'class_mass': [0.25, 2.0, 0.75],
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
RUN['rebalanced'] = {
    **RUN['raw'],
    'metrics': {'ece': 7.0},
    'class_accuracy': [50.0, 70.0, None],
    'class_mass': [0.9, 1.1, 1.0],
}
CLASS_PLOTS = pytest.mark.parametrize('plot', [plot_accuracy_by_count, plot_class_mass])


def lines_of(axes):
    return {line.get_label(): line.get_xydata() for line in axes.get_lines()}


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def test_accuracy_is_drawn_against_training_counts(tmp_path, figures):
    path = tmp_path / 'new' / 'accuracy.png'
    plot_accuracy_by_count(COUNTS, {'CE': RUN, 'GALA': RUN}, path, 'title')
    assert path.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
    assert [path.name for path in path.parent.iterdir()] == ['accuracy.png']
    (figure,) = figures
    assert [axes.get_title() for axes in figure.axes] == ['CE', 'GALA']
    for axes in figure.axes:
        lines = lines_of(axes)
        np.testing.assert_allclose(lines['raw'], [[500, 90], [50, 40], [5, 10]])
        np.testing.assert_allclose(lines['re-balanced'], [[500, 70], [5, 50]])
        assert axes.get_xscale() == 'log'
        assert texts_of(axes) == ['few', 'medium', 'many']


def test_predicted_marginal_is_drawn_with_the_uniform_line(tmp_path, figures):
    path = tmp_path / 'mass.svg'
    plot_class_mass(COUNTS, {'CE': RUN}, path)
    assert path.read_text().startswith('<?xml')
    (axes,) = figures[0].axes
    lines = lines_of(axes)
    np.testing.assert_allclose(lines['raw'][:, 1], [2.0, 0.75, 0.25])
    np.testing.assert_allclose(lines['re-balanced'][:, 1], [1.1, 1.0, 0.9])
    assert set(lines['uniform'][:, 1]) == {1.0}
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == [str(c) for c in HEAD_FIRST]
    assert texts_of(axes) == ['many', 'medium', 'few']
    borders = [line.get_xdata()[0] for line in axes.get_lines() if len(set(
        line.get_xdata())) == 1]  # fmt: skip
    assert borders == [0.5, 1.5]


def many_classes():
    counts = np.repeat([0, 10, 1000], 40)
    accuracy = np.repeat([20.0, 50.0, 80.0], 40) + np.tile([-10.0, 10.0], 60)
    run = copy.deepcopy(RUN)
    for kind in ('raw', 'rebalanced'):
        run[kind]['class_accuracy'] = [None, *accuracy[1:]]
        run[kind]['class_mass'] = list(accuracy / 50)
    return counts, run


def test_many_classes_are_drawn_as_mean_and_spread_of_bins(tmp_path, figures):
    counts, run = many_classes()
    plot_accuracy_by_count(counts, {'CE': run}, tmp_path / 'a.png')
    (axes,) = figures[0].axes
    line = lines_of(axes)['raw: mean and standard deviation of classes']
    lowest = np.mean([30.0, *[10.0, 30.0] * 19])  # its first class has no samples
    np.testing.assert_allclose(line, [[0, lowest], [10, 50], [1000, 80]])
    shaded = axes.collections[0].get_paths()[0].vertices
    inner = shaded[shaded[:, 0] == 10][:, 1]
    assert (inner.min(), inner.max()) == (40, 60)
    assert axes.get_xscale() == 'symlog'


def test_many_classes_have_a_mean_predicted_marginal_per_bin(tmp_path, figures):
    counts, run = many_classes()
    plot_class_mass(counts, {'CE': run}, tmp_path / 'a.png')
    (axes,) = figures[0].axes
    line = lines_of(axes)['raw: mean and interquartile range of classes']
    mass = np.array(run['raw']['class_mass'])[np.argsort(-counts, kind='stable')]
    np.testing.assert_allclose(line[:, 1], mass.reshape(40, 3).mean(axis=1))
    np.testing.assert_allclose(line[:, 0], np.arange(120).reshape(40, 3).mean(axis=1))


@CLASS_PLOTS
def test_all_values_may_be_unknown(tmp_path, figures, plot):
    run = copy.deepcopy(RUN)
    for kind in ('raw', 'rebalanced'):
        run[kind] |= {'class_accuracy': [None] * 3, 'class_mass': [None] * 3}
    plot(COUNTS, {'CE': run}, tmp_path / 'a.png')
    lines = lines_of(figures[0].axes[0])
    assert lines['raw'].size == lines['re-balanced'].size == 0


def test_borders_of_groups_without_classes_are_not_drawn(tmp_path, figures):
    plot_accuracy_by_count([300, 200, 150], {'CE': RUN}, tmp_path / 'a.png')
    (axes,) = figures[0].axes
    assert texts_of(axes) == ['many']
    assert axes.get_xlim()[0] > 100


def test_confusion_labels_every_share_and_a_dash_for_undefined(tmp_path, figures):
    runs = {'CE': RUN, 'GALA': RUN}
    plot_shot_confusion(runs, tmp_path / 'a.png')
    titles = [axes.get_title() for axes in figures[0].axes]
    assert titles == [
        'CE, raw', 'GALA, raw', 'CE, re-balanced', 'GALA, re-balanced'
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
    np.testing.assert_allclose(lines['raw, ECE 12.3%'], [[0.45, 0.5], [0.9, 0.6]])
    assert 're-balanced, ECE 7.0%' in lines
    steps = [patch.get_data() for patch in bottom.patches]
    for step in steps:
        np.testing.assert_allclose(step.values, [0, 25, 75])
        np.testing.assert_allclose(step.edges, [0, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize('number', [1, 4, 5])
def test_every_run_has_a_panel(tmp_path, figures, number):
    runs = {f'run {i}': RUN for i in range(number)}
    plot_tau_curve(runs, tmp_path / 'a.png')
    assert [axes.get_title() for axes in figures[0].axes] == list(runs)
