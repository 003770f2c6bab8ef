"""Plots with one value per class draw the given numbers, most frequent class first."""

import copy

import numpy as np
import pytest

from mmgala.functional import ShotThresholds
from mmgala.visualization import (
    plot_accuracy_by_count,
    plot_class_accuracy,
    plot_class_mass,
    plot_class_vectors,
    plot_gradient_statistics,
)

COUNTS = [5, 500, 50]  # class 1 is the most frequent
HEAD_FIRST = [1, 2, 0]
RUNS = np.array([[10.0, 90.0, 40.0], [30.0, 70.0, 60.0]])
VECTORS = {
    'own_similarity': [0.1, 0.9, 0.5],
    'other_similarity': [-0.3, -0.1, -0.2],
    'norm': [0.5, 2.0, 1.0],
}
OWN, OTHER = 'own-class similarity', 'other-class similarity'
OUTCOMES = {
    'raw': {'class_accuracy': [10.0, 90.0, 40.0], 'class_mass': [0.25, 2.0, 0.75]},
    'rebalanced': {
        'class_accuracy': [50.0, 70.0, None],
        'class_mass': [0.9, 1.1, 1.0],
    },
}


def lines_of(axes):
    return {line.get_label(): np.asarray(line.get_ydata()) for line in axes.get_lines()}


def points_of(axes):
    return {line.get_label(): line.get_xydata() for line in axes.get_lines()}


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def test_class_accuracy_draws_counts_and_means_in_order_of_counts(tmp_path, figures):
    path = tmp_path / 'new' / 'accuracy.png'
    plot_class_accuracy(COUNTS, {'CE': RUNS, 'GALA': RUNS + 5}, path, 'title')
    top, bottom = figures[0].axes
    assert [bar.get_height() for bar in top.patches] == [500, 50, 5]
    lines = lines_of(bottom)
    np.testing.assert_allclose(lines['CE'], RUNS.mean(axis=0)[HEAD_FIRST])
    np.testing.assert_allclose(lines['GALA'], RUNS.mean(axis=0)[HEAD_FIRST] + 5)
    ticks = [tick.get_text() for tick in bottom.get_xticklabels()]
    assert ticks == ['1', '2', '0']
    assert path.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'


def test_shaded_range_spans_the_runs(tmp_path, figures):
    plot_class_accuracy(COUNTS, {'CE': RUNS}, tmp_path / 'a.png')
    (band,) = figures[0].axes[1].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (10.0, 90.0)


def test_gradient_statistics_draws_theta_above_the_ratio(tmp_path, figures):
    path = tmp_path / 'gradients.svg'
    plot_gradient_statistics(COUNTS, {'CE': RUNS}, {'CE': RUNS / 40}, path)
    top, bottom = figures[0].axes
    np.testing.assert_allclose(lines_of(top)['CE'], [80, 50, 20])
    np.testing.assert_allclose(lines_of(bottom)['CE'], [2, 1.25, 0.5])
    np.testing.assert_allclose(lines_of(bottom)['balanced'], [1, 1])
    assert path.read_text().startswith('<?xml')


def test_many_classes_are_drawn_without_a_label_each(tmp_path, figures):
    counts = np.arange(800, 0, -1)
    runs = np.ones((2, 800))
    plot_class_accuracy(counts, {'GALA': runs}, tmp_path / 'a.png')
    assert len(figures[0].axes[1].get_xticks()) < 30


def test_a_column_per_run_with_similarities_above_norms(tmp_path, figures):
    other = {key: [value / 2 for value in values] for key, values in VECTORS.items()}
    path = tmp_path / 'new' / 'vectors.png'

    plot_class_vectors(COUNTS, {'CE': VECTORS, 'GALA': other}, path, 'title')

    axes = figures[0].axes
    assert [a.get_title() for a in axes] == ['CE', 'GALA', '', '']
    for column, run in ((0, VECTORS), (1, other)):
        lines = lines_of(axes[column])
        expected = {OWN: 'own_similarity', OTHER: 'other_similarity'}
        for label, key in expected.items():
            np.testing.assert_allclose(lines[label], np.array(run[key])[HEAD_FIRST])
        norms = lines_of(axes[2 + column])['norm']
        np.testing.assert_allclose(norms, np.array(run['norm'])[HEAD_FIRST])
    assert [t.get_text() for t in axes[3].get_xticklabels()] == ['1', '2', '0']
    assert axes[2].get_ylim() == axes[3].get_ylim()
    assert axes[2].get_ylim()[0] == 0
    assert [t.get_text() for t in figures[0].legends[0].get_texts()] == [OWN, OTHER]
    assert path.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
    assert [p.name for p in path.parent.iterdir()] == ['vectors.png']


def test_borders_of_vectors_are_between_the_shot_groups(tmp_path, figures):
    path = tmp_path / 'vectors.svg'

    plot_class_vectors(
        COUNTS, {'CE': VECTORS}, path, thresholds=ShotThresholds(100, 20)
    )

    top = figures[0].axes[0]
    dotted = [x.get_xdata()[0] for x in top.get_lines() if x.get_linestyle() == ':']
    assert dotted == [0.5, 1.5]
    assert [t.get_text() for t in top.texts] == ['many', 'medium', 'few']
    assert path.read_text().startswith('<?xml')


def test_vectors_without_a_value_are_left_out(tmp_path, figures):
    run = {**VECTORS, 'own_similarity': [0.1, None, 0.5]}

    plot_class_vectors(COUNTS, {'CE': run}, tmp_path / 'a.png')

    np.testing.assert_allclose(lines_of(figures[0].axes[0])[OWN], [0.5, 0.1])


def test_many_class_weight_vectors_are_drawn_as_means_of_bins(tmp_path, figures):
    counts = np.arange(8142, 0, -1)
    run = {key: np.linspace(1, 0, 8142).tolist() for key in VECTORS}

    plot_class_vectors(counts, {'GALA': run}, tmp_path / 'a.png')

    top, bottom = figures[0].axes
    (values,) = (v for label, v in lines_of(top).items() if label.startswith(OWN))
    assert len(values) == 40
    assert values.mean() == pytest.approx(0.5, abs=1e-3)
    assert (np.diff(values) < 0).all()
    assert len(bottom.get_xticks()) < 30


def test_accuracy_is_drawn_against_training_counts(tmp_path, figures):
    path = tmp_path / 'new' / 'accuracy.png'
    plot_accuracy_by_count(COUNTS, {'CE': OUTCOMES, 'GALA': OUTCOMES}, path, 'title')
    assert path.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
    assert [path.name for path in path.parent.iterdir()] == ['accuracy.png']
    (figure,) = figures
    assert [axes.get_title() for axes in figure.axes] == ['CE', 'GALA']
    for axes in figure.axes:
        lines = points_of(axes)
        np.testing.assert_allclose(lines['raw'], [[500, 90], [50, 40], [5, 10]])
        np.testing.assert_allclose(lines['re-balanced'], [[500, 70], [5, 50]])
        assert axes.get_xscale() == 'log'
        assert texts_of(axes) == ['few', 'medium', 'many']


def test_predicted_marginal_is_drawn_with_the_uniform_line(tmp_path, figures):
    path = tmp_path / 'mass.svg'
    plot_class_mass(COUNTS, {'CE': OUTCOMES}, path)
    assert path.read_text().startswith('<?xml')
    (axes,) = figures[0].axes
    lines = points_of(axes)
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
    run = copy.deepcopy(OUTCOMES)
    for kind in ('raw', 'rebalanced'):
        run[kind]['class_accuracy'] = [None, *accuracy[1:]]
        run[kind]['class_mass'] = list(accuracy / 50)
    return counts, run


def test_many_classes_are_drawn_as_mean_and_spread_of_bins(tmp_path, figures):
    counts, run = many_classes()
    plot_accuracy_by_count(counts, {'CE': run}, tmp_path / 'a.png')
    (axes,) = figures[0].axes
    line = points_of(axes)['raw: mean and standard deviation of classes']
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
    line = points_of(axes)['raw: mean and interquartile range of classes']
    mass = np.array(run['raw']['class_mass'])[np.argsort(-counts, kind='stable')]
    np.testing.assert_allclose(line[:, 1], mass.reshape(40, 3).mean(axis=1))
    np.testing.assert_allclose(line[:, 0], np.arange(120).reshape(40, 3).mean(axis=1))


@pytest.mark.parametrize('plot', [plot_accuracy_by_count, plot_class_mass])
def test_all_values_may_be_unknown(tmp_path, figures, plot):
    run = copy.deepcopy(OUTCOMES)
    for kind in ('raw', 'rebalanced'):
        run[kind] |= {'class_accuracy': [None] * 3, 'class_mass': [None] * 3}
    plot(COUNTS, {'CE': run}, tmp_path / 'a.png')
    lines = points_of(figures[0].axes[0])
    assert lines['raw'].size == lines['re-balanced'].size == 0


def test_borders_of_groups_without_classes_are_not_drawn(tmp_path, figures):
    plot_accuracy_by_count([300, 200, 150], {'CE': OUTCOMES}, tmp_path / 'a.png')
    (axes,) = figures[0].axes
    assert texts_of(axes) == ['many']
    assert axes.get_xlim()[0] > 100
