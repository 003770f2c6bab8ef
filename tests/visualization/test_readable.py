"""Figures of 17 methods and 100 classes: no text over text, no legend over data."""

import itertools

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.text import Text

from mmgala.visualization import (
    MethodPoint,
    draw_gradient_course,
    draw_gradient_ratio,
    draw_gradient_sources,
    plot_accuracy_by_count,
    plot_class_accuracy,
    plot_class_mass,
    plot_class_vectors,
    plot_gradient_statistics,
    plot_head_vs_tail,
    plot_reliability,
    plot_shot_confusion,
    plot_tau_curve,
    save_figure,
)
from tests.browser.made_reports import make_report

METHODS = (
    'CE', 'class-balanced CE', 'focal', 'class-balanced focal', 'logit adjustment',
    'balanced softmax', 'LDAM-DRW', 'EQL', 'Seesaw', 'GCL', 'label-aware smoothing',
    'vector scaling', 'GALA', 'GALA (official)', 'cRT', 'tau-normalised', 'LWS',
)  # fmt: skip
SEEDS = 3
TITLE = 'A title of ordinary length, on CIFAR-100-LT'


def per_class(report, part, key):
    rng = np.random.default_rng(0)
    return {
        run['name']: np.array(run[part][key]) * rng.lognormal(0, 0.05, (SEEDS, 1))
        for run in report['runs']
    }


def accuracies(report):
    return {
        run['name']: np.tile(run['predictions']['raw']['class_accuracy'], (SEEDS, 1))
        for run in report['runs']
    }


def parts(report, part):
    return {run['name']: run[part] for run in report['runs']}


def method_points(report):
    """Raw and re-balanced accuracy of each method; a third of them on the front."""
    rng = np.random.default_rng(1)
    for number, run in enumerate(report['runs']):
        for step in ('', 're-balancing'):
            shift = 4 * bool(step)
            yield MethodPoint(
                run['name'],
                step,
                (75 - number % 6 - shift + rng.normal(0, 0.7, SEEDS)).tolist(),
                (30 + number % 7 + 2 * shift + rng.normal(0, 0.7, SEEDS)).tolist(),
                on_front=number % 3 == 0 and bool(step),
            )


PLOTS = {
    'accuracy': lambda counts, report, path: plot_class_accuracy(
        counts, accuracies(report), path, TITLE
    ),
    'gradients': lambda counts, report, path: plot_gradient_statistics(
        counts,
        per_class(report, 'gradients', 'pos_grad'),
        per_class(report, 'gradients', 'ratio'),
        path,
        TITLE,
    ),
    'vectors': lambda counts, report, path: plot_class_vectors(
        counts, parts(report, 'vectors'), path, TITLE
    ),
    'by count': lambda counts, report, path: plot_accuracy_by_count(
        counts, parts(report, 'predictions'), path, TITLE
    ),
    'marginal': lambda counts, report, path: plot_class_mass(
        counts, parts(report, 'predictions'), path, TITLE
    ),
    'confusion': lambda counts, report, path: plot_shot_confusion(
        parts(report, 'predictions'), path, TITLE
    ),
    'tau': lambda counts, report, path: plot_tau_curve(
        parts(report, 'predictions'), path, TITLE
    ),
    'reliability': lambda counts, report, path: plot_reliability(
        parts(report, 'predictions'), path, TITLE
    ),
    'ratio': lambda counts, report, path: save_figure(
        draw_gradient_ratio(counts, parts(report, 'gradients')), path, TITLE
    ),
    'sources': lambda counts, report, path: save_figure(
        draw_gradient_sources(counts, parts(report, 'gradients')), path, TITLE
    ),
    'course': lambda counts, report, path: save_figure(
        draw_gradient_course(parts(report, 'gradients')), path, TITLE
    ),
    'methods': lambda counts, report, path: plot_head_vs_tail(
        list(method_points(report)), path, TITLE
    ),
}


def tick_labels(axis: Axis):
    """Labels of the ticks that are drawn, and all labels of the axis."""
    low, high = sorted(axis.get_view_interval())
    major = axis.get_major_ticks(), axis.get_majorticklocs()
    minor = axis.get_minor_ticks(), axis.get_minorticklocs()
    every = [
        (label, low <= place <= high)
        for ticks, places in (major, minor)
        for tick, place in zip(ticks, places, strict=False)
        for label in (tick.label1, tick.label2)
    ]
    return [label for label, inside in every if inside], [label for label, _ in every]


def drawn_texts(figure):
    """Boxes in pixels of all texts that a reader sees."""
    figure.draw_without_rendering()
    hidden = set()
    for axes in figure.findobj(lambda artist: hasattr(artist, 'get_xaxis')):
        for axis in (axes.xaxis, axes.yaxis):
            shown, every = tick_labels(axis)
            hidden |= {id(label) for label in every} - {id(label) for label in shown}
    texts = [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]
    return [(text.get_text(), text.get_window_extent()) for text in texts]


def overlap(a, b):
    """Width and height in pixels of what two boxes share."""
    return (min(a.x1, b.x1) - max(a.x0, b.x0)), (min(a.y1, b.y1) - max(a.y0, b.y0))


@pytest.fixture(scope='module')
def reports():
    return {
        'many': make_report(100, METHODS),
        'few': make_report(10, METHODS[:2]),
        'one': make_report(10, METHODS[:1]),
    }


@pytest.mark.parametrize('size', ['many', 'few', 'one'])
@pytest.mark.parametrize('name', PLOTS)
def test_texts_do_not_overlap_and_legends_cover_no_data(
    tmp_path, figures, reports, name, size
):
    report = reports[size]
    counts = [entry['count'] for entry in report['classes']]
    PLOTS[name](counts, report, tmp_path / 'a.png')
    (figure,) = figures
    texts = drawn_texts(figure)
    assert TITLE in [text for text, _ in texts]
    over = [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(texts, 2)
        if min(overlap(a, b)) > 1.5
    ]
    assert over == []
    page = figure.bbox
    cut = [
        text
        for text, box in texts
        if box.x0 < -2 or box.y0 < -2 or box.x1 > page.x1 + 2 or box.y1 > page.y1 + 2
    ]
    assert cut == []
    panels = figure.findobj(lambda artist: hasattr(artist, 'get_xaxis'))
    legends = [axes.get_legend() for axes in panels if axes.get_legend() is not None]
    assert legends == []
    for legend in figure.legends:
        for axes in panels:
            shared = overlap(legend.get_window_extent(), axes.get_window_extent())
            assert min(shared) < 2


@pytest.mark.parametrize('size', ['many', 'few'])
@pytest.mark.parametrize('name', ['gradients', 'ratio', 'marginal', 'accuracy'])
def test_logarithmic_axes_have_several_ticks(tmp_path, figures, reports, name, size):
    report = reports[size]
    counts = [entry['count'] for entry in report['classes']]
    PLOTS[name](counts, report, tmp_path / 'a.png')
    (figure,) = figures
    figure.draw_without_rendering()
    axes = figure.findobj(
        lambda a: hasattr(a, 'get_yscale') and a.get_yscale() == 'log'
    )
    assert axes
    for one in axes:
        labels = [label.get_text() for label in tick_labels(one.yaxis)[0]]
        assert len([text for text in labels if text]) >= 3


def test_methods_on_the_front_are_named_and_the_others_quiet(
    tmp_path, figures, reports
):
    points = list(method_points(reports['many']))
    plot_head_vs_tail(points, tmp_path / 'a.png', TITLE)
    (axes,) = figures[0].axes
    bold = {t.get_text() for t in axes.texts if t.get_fontweight() == 'bold'}
    assert bold == {point.method for point in points if point.on_front}
    named = {text.get_text() for text in axes.texts}
    listed = ' '.join(text.get_text() for text in figures[0].texts)
    assert all(name in named or name in listed for name in METHODS)
