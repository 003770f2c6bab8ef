"""Figures of classes draw the given numbers, most frequent class first."""

import numpy as np

from mmgala.visualization import plot_class_accuracy, plot_gradient_statistics

COUNTS = [5, 500, 50]  # class 1 is the most frequent
HEAD_FIRST = [1, 2, 0]
RUNS = np.array([[10.0, 90.0, 40.0], [30.0, 70.0, 60.0]])


def lines_of(axes):
    return {line.get_label(): line.get_ydata() for line in axes.get_lines()}


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
