"""The figure of tail against head accuracy."""

import itertools

import numpy as np

from mmgala.visualization.comparison_plots import QUIET, MethodPoint, plot_head_vs_tail


def points(num_methods, seeds=3):
    rng = np.random.default_rng(0)
    for i, step in itertools.product(range(num_methods), ('', 're-balancing')):
        head, tail = (
            80 + rng.random(seeds),
            50 + 20 * rng.random(seeds) + 5 * bool(step),
        )
        front = i % 3 == 0
        yield MethodPoint(f'method-{i}', step, list(head), list(tail), on_front=front)


def test_points_front_and_labels(tmp_path, figures):
    drawn = list(points(14))
    path = tmp_path / 'head_vs_tail.png'
    plot_head_vs_tail(drawn, path, 'title')
    (axes,) = figures[0].axes
    assert path.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
    marks = [line for line in axes.get_lines() if line.get_marker() not in ('None', '')]
    marked = {
        tuple(line.get_xydata()[0]) for line in marks if len(line.get_xdata()) == 1
    }
    assert {point.mean for point in drawn} <= marked
    (front,) = [line for line in axes.get_lines() if line.get_linestyle() == '--']
    best = np.array([point.mean for point in drawn if point.on_front])
    np.testing.assert_array_equal(front.get_xydata(), best[np.argsort(best[:, 0])])
    figures[0].draw_without_rendering()  # back at screen resolution
    # Each method is labelled once, and labels do not overlap.
    names = [text for text in axes.texts if text.get_text()]
    assert sorted(t.get_text() for t in names) == sorted({p.method for p in drawn})
    boxes = [text.get_window_extent() for text in names]
    looks = {(mark.get_color(), mark.get_marker()) for mark in marks}
    coloured = {look for look in looks if look[0] != QUIET}
    on_front = {point.method for point in drawn if point.on_front}
    assert len(coloured) == len(on_front)  # the others are grey
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_one_seed_and_one_method_are_drawn_too(tmp_path, figures):
    plot_head_vs_tail([MethodPoint('ce', '', [80.0], [50.0])], tmp_path / 'a.svg')
    assert [t.get_text() for t in figures[0].axes[0].texts] == ['ce']


def test_hidden_points_are_listed_below_the_axes(tmp_path, figures):
    drawn = list(points(6))
    outlier = MethodPoint('lost', '', [10.0, 12.0], [50.0, 50.0], hidden=True)
    for_the_tail = MethodPoint('tail', '', [20.0], [99.0])
    drawn += [outlier, for_the_tail]
    plot_head_vs_tail(drawn, tmp_path / 'a.png')
    (axes,) = figures[0].axes
    assert 'outlier, not shown: lost, raw at 11.0, 50.0' in axes.get_xlabel()
    names = [text.get_text() for text in axes.texts]
    assert 'lost' not in names
    assert 'tail' in names
