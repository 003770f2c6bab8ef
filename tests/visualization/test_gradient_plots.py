"""Plots of gradients draw the given numbers, most frequent class first."""

import numpy as np
import pytest

from mmgala.analysis import describe_gradients
from mmgala.visualization import (
    draw_gradient_course,
    draw_gradient_ratio,
    draw_gradient_sources,
    figure_to_image,
    save_figure,
)
from tests.analysis.gradient_records import BY_COUNT, COUNTS, make_record


@pytest.fixture
def runs():
    return {
        name: describe_gradients([make_record(n, seed=seed) for n in (1, 2, 3)])
        for seed, name in ((0, 'CE'), (10, 'GALA'))
    }


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_ratio_of_the_training_above_that_of_the_last_period(runs):
    figure = draw_gradient_ratio(COUNTS, runs, 'a title')
    for axes, key in zip(figure.axes, ('ratio_total', 'ratio'), strict=True):
        lines = lines_of(axes)
        for name, run in runs.items():
            expected = [run[key][c] for c in BY_COUNT]
            np.testing.assert_allclose(lines[name].get_ydata(), expected)
        assert list(lines['balanced'].get_ydata()) == [1, 1]
        assert axes.get_yscale() == 'log'
    assert figure.legends[0].get_title().get_text() == 'a title'
    ticks = [text.get_text() for text in figure.axes[1].get_xticklabels()]
    assert ticks == [str(c) for c in BY_COUNT]


@pytest.mark.parametrize('ratio', [[0.8, 1, 1.6], [0.15, 1, 2.4], [0.02, 1, 30]])
def test_ratio_axis_has_several_tick_labels(ratio):
    run = dict(ratio=ratio, ratio_total=ratio)
    axes = draw_gradient_ratio([3, 2, 1], {'CE': run}).axes[0]
    low, high = axes.get_ylim()
    assert sum(low <= number <= high for number in axes.get_yticks()) >= 4


def test_many_classes_are_points_with_a_moving_average():
    counts = np.arange(500, 0, -1)
    ratio = [1.0 if c % 2 else 3.0 for c in range(500)]
    ratio[7] = None
    figure = draw_gradient_ratio(counts, {'CE': dict(ratio=ratio, ratio_total=ratio)})
    cloud, mean, _ = figure.axes[0].get_lines()
    assert set(cloud.get_ydata()[[0, 1]]) == {1.0, 3.0}
    assert np.isnan(cloud.get_ydata()[7])
    assert mean.get_label() == 'CE'
    np.testing.assert_allclose(mean.get_ydata()[50:-50], 2, atol=0.1)


def test_shares_are_stacked_and_the_matrix_is_relative(runs):
    figure = draw_gradient_sources(COUNTS, runs)
    bars, heat = figure.subfigs
    for axes, run in zip(bars.axes, runs.values(), strict=True):
        tops = [patch.get_data().values for patch in axes.patches]
        shares = np.array([run['source_shares'][c] for c in BY_COUNT])
        np.testing.assert_allclose(tops, np.cumsum(shares, axis=1).T)
    for axes, run in zip(heat.axes, runs.values(), strict=False):
        values = np.array(run['matrix']['values'])
        relative = axes.images[0].get_array()
        np.testing.assert_allclose(relative.filled(0), values / values.max())
        assert relative.mask.sum() == 6  # no class pushes itself away


def test_a_run_without_a_matrix_beside_one_that_has_it(runs):
    runs['GALA']['matrix'] = None
    figure = draw_gradient_sources(COUNTS, runs)
    with_matrix, without = figure.subfigs[1].axes[:2]
    assert with_matrix.images
    assert not without.images
    assert without.texts[0].get_text() == 'no matrix recorded'
    runs['CE']['matrix'] = None
    assert len(draw_gradient_sources(COUNTS, runs).subfigs) == 1


def test_course_of_groups_and_summaries(runs):
    figure = draw_gradient_course(runs)
    for axes, group in zip(figure.axes, ('many', 'medium', 'few'), strict=False):
        lines = lines_of(axes)
        for name, run in runs.items():
            np.testing.assert_allclose(
                lines[name].get_ydata(), run['ratio_by_group'][group]
            )
            assert list(lines[name].get_xdata()) == [1, 2, 3]
    keys = ('log_ratio_spread', 'source_head_share', 'source_gini')
    for axes, key in zip(figure.axes[3:], keys, strict=True):
        for name, run in runs.items():
            np.testing.assert_allclose(
                lines_of(axes)[name].get_ydata(), run['summary'][key]
            )
        assert axes.get_xlabel() == 'epoch'


def test_a_group_without_classes_is_labelled_as_empty(runs):
    for run in runs.values():
        del run['ratio_by_group']['few']
    axes = draw_gradient_course(runs).axes[2]
    assert [text.get_text() for text in axes.texts] == ['no classes in this group']


def test_the_image_equals_the_saved_figure(runs, tmp_path):
    figure = draw_gradient_ratio(COUNTS, runs)
    image = figure_to_image(figure)
    assert image.dtype == np.uint8
    assert image.shape == (600, 800, 3)
    assert (image == 255).all(axis=2).mean() > 0.5  # the background is white
    save_figure(figure, tmp_path / 'x.svg')
    assert '<svg' in (tmp_path / 'x.svg').read_text()


def ticks(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_shares_and_matrix_name_the_same_classes(runs):
    figure = draw_gradient_sources(COUNTS, runs)
    figure_to_image(figure)

    shares, matrices = figure.axes[:2], figure.axes[2:4]
    expected = [str(c) for c in BY_COUNT]
    for axes in shares:
        assert ticks(axes.xaxis) == expected
    for axes in matrices:
        assert ticks(axes.xaxis) == expected
        assert axes.get_xlabel() == 'source class, from head to tail'
    assert ticks(matrices[0].yaxis) == expected
    assert matrices[0].get_ylabel() == 'receiving class,\nfrom head to tail'


def test_many_classes_have_ranks_on_all_axes():
    counts = np.arange(30, 0, -1)
    run = dict(
        source_shares=np.full((30, 3), 1 / 3).tolist(),
        matrix=dict(values=np.ones((30, 30)).tolist(), bins=list(range(30))),
    )

    shares, matrix = draw_gradient_sources(counts, {'CE': run}).axes[:2]

    assert shares.get_xlabel() == 'rank of the receiving class,\nfrom head to tail'
    assert matrix.get_xlabel() == 'rank of the source class,\nfrom head to tail'
    assert matrix.get_ylabel().startswith('rank of the receiving class')


def test_bins_of_several_classes_are_called_bins():
    run = dict(
        source_shares=np.full((6, 3), 1 / 3).tolist(),
        matrix=dict(values=np.ones((3, 3)).tolist(), bins=[0, 0, 1, 1, 2, 2]),
    )

    matrix = draw_gradient_sources(np.arange(6, 0, -1), {'CE': run}).axes[1]

    assert matrix.get_xlabel() == 'bin of the source class,\nfrom head to tail (3 bins)'
