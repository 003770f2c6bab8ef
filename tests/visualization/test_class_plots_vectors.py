"""The figure of class weight vectors draws the given numbers, head classes first."""

import numpy as np
import pytest

from mmgala.functional import ShotThresholds
from mmgala.visualization.class_plots import plot_class_vectors

COUNTS = [5, 500, 50]  # class 1 is the most frequent
HEAD_FIRST = [1, 2, 0]
RUN = {
    'own_similarity': [0.1, 0.9, 0.5],
    'other_similarity': [-0.3, -0.1, -0.2],
    'norm': [0.5, 2.0, 1.0],
}
OWN = 'features of the class'
OTHER = 'features of other classes'


def lines_of(axes):
    return {line.get_label(): np.asarray(line.get_ydata()) for line in axes.get_lines()}


def test_a_column_per_run_with_similarities_above_norms(tmp_path, figures):
    other = {key: [value / 2 for value in values] for key, values in RUN.items()}
    path = tmp_path / 'new' / 'vectors.png'

    plot_class_vectors(COUNTS, {'CE': RUN, 'GALA': other}, path, 'title')

    axes = figures[0].axes
    assert [a.get_title() for a in axes] == ['CE', 'GALA', '', '']
    for column, run in ((0, RUN), (1, other)):
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


def test_borders_are_between_the_shot_groups(tmp_path, figures):
    path = tmp_path / 'vectors.svg'

    plot_class_vectors(COUNTS, {'CE': RUN}, path, thresholds=ShotThresholds(100, 20))

    top = figures[0].axes[0]
    dotted = [x.get_xdata()[0] for x in top.get_lines() if x.get_linestyle() == ':']
    assert dotted == [0.5, 1.5]
    assert [t.get_text() for t in top.texts] == ['many', 'medium', 'few']
    assert path.read_text().startswith('<?xml')


def test_classes_without_a_value_are_left_out(tmp_path, figures):
    run = {**RUN, 'own_similarity': [0.1, None, 0.5]}

    plot_class_vectors(COUNTS, {'CE': run}, tmp_path / 'a.png')

    np.testing.assert_allclose(lines_of(figures[0].axes[0])[OWN], [0.5, 0.1])


def test_many_classes_are_drawn_as_means_of_bins(tmp_path, figures):
    counts = np.arange(8142, 0, -1)
    run = {key: np.linspace(1, 0, 8142).tolist() for key in RUN}

    plot_class_vectors(counts, {'GALA': run}, tmp_path / 'a.png')

    top, bottom = figures[0].axes
    (values,) = (v for label, v in lines_of(top).items() if label.startswith(OWN))
    assert len(values) == 40
    assert values.mean() == pytest.approx(0.5, abs=1e-3)
    assert (np.diff(values) < 0).all()
    assert len(bottom.get_xticks()) < 30
