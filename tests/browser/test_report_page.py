"""The page in a browser: figures and hover texts match the data of the report."""

import numpy as np
import pytest

from tests.browser.conftest import HOSTILE, NAMES
from tests.browser.made_reports import GROUPS


def head_first(report):
    counts = [entry['count'] for entry in report['classes']]
    return sorted(range(len(counts)), key=lambda c: (-counts[c], c))


def assert_same(actual, expected):
    """Assert that numbers are equal to 5 digits, with the same gaps."""
    actual, expected = (np.array(v, dtype=float) for v in (actual, expected))
    np.testing.assert_allclose(actual, expected, rtol=6e-5)


@pytest.mark.parametrize(
    ('figure', 'key', 'part', 'field'),
    [
        ('fig-ratio', 'ratio', 'gradients', 'ratio'),
        ('fig-ratio', 'ratioTotal', 'gradients', 'ratio_total'),
        ('fig-ratio', 'theta', 'gradients', 'pos_grad'),
        ('fig-vectors', 'own', 'vectors', 'own_similarity'),
        ('fig-vectors', 'other', 'vectors', 'other_similarity'),
        ('fig-vectors', 'norm', 'vectors', 'norm'),
    ],
)
def test_class_figures_show_each_run_head_first(
    small_page, small, figure, key, part, field
):
    order = head_first(small)
    for i, run in enumerate(small['runs']):
        (trace,) = small_page.traces(figure, run=i, key=key)
        assert trace['x'] == list(range(10))
        assert_same(trace['y'], [run[part][field][c] for c in order])


@pytest.mark.parametrize('kind', ['raw', 'rebalanced'])
def test_prediction_figures_follow_the_switch(small_page, small, kind):
    small_page.check(
        'Predictions', {'raw': 'raw', 'rebalanced': 're-balanced'}[kind], True
    )
    tail_first = sorted(range(10), key=lambda c: (small['classes'][c]['count'], c))
    for i, run in enumerate(small['runs']):
        outcome = run['predictions'][kind]
        (accuracy,) = small_page.traces('fig-accuracy', run=i)
        assert accuracy['x'] == [small['classes'][c]['count'] for c in tail_first]
        assert_same(accuracy['y'], [outcome['class_accuracy'][c] for c in tail_first])
        (mass,) = small_page.traces('fig-mass', run=i)
        assert_same(mass['y'], [outcome['class_mass'][c] for c in head_first(small)])
        (confusion,) = small_page.traces('fig-confusion', run=i)
        assert_same(confusion['z'], outcome['confusion']['values'])
        bins = outcome['reliability']
        filled = [k for k, n in enumerate(bins['count']) if n]
        assert 0 < len(filled) < len(bins['count'])
        for key in ('accuracy', 'count'):
            (line,) = small_page.traces('fig-reliability', run=i, key=key)
            assert_same(line['x'], [bins['confidence'][k] for k in filled])
            assert_same(line['y'], [bins[key][k] for k in filled])


def test_figures_over_time_and_tau_show_every_series(small_page, small):
    for i, run in enumerate(small['runs']):
        gradients, curve = run['gradients'], run['predictions']['tau_curve']
        for figure, series in (
            ('fig-ratio-steps', gradients['ratio_by_group']),
            ('fig-source-steps', gradients['source_share_by_step']),
            ('fig-summary-steps', gradients['summary']),
        ):
            traces = small_page.traces(figure, run=i)
            assert {t['meta']['key'] for t in traces} == {*series}
            for trace in traces:
                assert trace['x'] == gradients['steps']
                assert_same(trace['y'], series[trace['meta']['key']])
        traces = small_page.traces('fig-tau', run=i)
        assert {t['meta']['key'] for t in traces} == {*curve} - {'tau'}
        for trace in traces:
            assert_same(trace['x'], curve['tau'])
            assert_same(trace['y'], curve[trace['meta']['key']])


def test_matrix_and_shares_have_the_negative_gradients(small_page, small):
    for i, run in enumerate(small['runs']):
        values = np.array(run['gradients']['matrix']['values'])
        (trace,) = small_page.traces('fig-matrix', run=i)
        logs = np.array(trace['z'], dtype=float)
        assert np.isnan(logs[values == 0]).all()
        assert_same(10 ** logs[values > 0], values[values > 0])
        for column, group in enumerate(GROUPS):
            (bars,) = small_page.traces('fig-shares', run=i, group=group)
            shares = np.array(run['gradients']['source_shares'])[head_first(small)]
            assert_same(bars['y'], shares[:, column])


def expected_texts(report, run, c):
    """Expected hover text of a class, formatted independently."""
    entry, results = report['classes'][c], report['runs'][run]
    accuracy = results['predictions']['raw']['class_accuracy'][c]
    many = 's' if entry['count'] != 1 else ''
    return [
        f'{entry["count"]} training sample{many}, {entry["group"]}-shot',
        'accuracy (raw): ' + ('–' if accuracy is None else f'{accuracy:.1f}%'),
        f'θ (positive gradient): {format_number(results["gradients"]["pos_grad"][c])}',
        f'gradient ratio: {format_number(results["gradients"]["ratio"][c])}',
    ]


def format_number(value):
    digits = float(f'{value:.5g}')
    text = f'{digits:,.10f}'
    return text.rstrip('0').rstrip('.')


@pytest.mark.parametrize(
    'figure', ['fig-ratio', 'fig-vectors', 'fig-mass', 'fig-shares']
)
@pytest.mark.parametrize('position', [0, 6, 9])
def test_hover_text_of_a_class_has_its_numbers(small_page, small, figure, position):
    c = head_first(small)[position]
    small_page.check('Runs', 'GALA', False)  # points of two runs may coincide
    text = small_page.hover(figure, 0, position)
    name = small['classes'][c]['name']
    assert name[:59] in text
    for expected in expected_texts(small_page.report, 0, c):
        assert expected in text


def test_hover_text_in_the_accuracy_figure(small_page, small):
    tail_first = head_first(small)[::-1]
    for position in (2, 5):
        c = tail_first[position]
        text = small_page.hover('fig-accuracy', 1, position)
        for expected in expected_texts(small_page.report, 1, c):
            assert expected in text


def test_hover_text_of_the_matrix_names_both_classes(small_page, small):
    order = head_first(small)
    text = small_page.hover_cell('fig-matrix', 1, 7, 2)
    value = small['runs'][1]['gradients']['matrix']['values'][7][2]
    assert f'negative gradient: {format_number(value)}' in text
    for expected in expected_texts(small_page.report, 1, order[7]):
        assert expected in text
    source = small['classes'][order[2]]
    assert f'from {source["name"][:29]}' in text
    assert f'({source["count"]})' in text


def test_no_button_uploads_a_chart(small_page):
    buttons = small_page.page.locator('.modebar-btn').evaluate_all(
        'buttons => buttons.map(b => b.dataset.title)'
    )
    assert {*buttons} == {'Download plot as a PNG', 'Zoom', 'Pan', 'Reset axes'}


def test_names_are_not_interpreted_as_markup(small_page):
    assert small_page.run('() => window.hacked') is None
    assert small_page.page.title() == f'Title {HOSTILE}'
    assert small_page.page.locator('h1').inner_text() == f'Title {HOSTILE}'
    assert small_page.page.locator('main table b, main table i').count() == 0
    images = small_page.page.locator('img').evaluate_all(
        'images => images.map(i => [i.src.slice(0, 22), i.getAttribute("onerror")])'
    )
    assert {*map(tuple, images)} == {('data:image/png;base64,', None)}
    names = small_page.cells(0)
    assert {*NAMES.values()} <= {*names}
    small_page.order('index')
    ticks = small_page.page.locator(
        '#fig-mass .xaxislayer-above .xtick, #fig-mass .xtick'
    )
    texts = ticks.all_text_contents()
    assert any(text.startswith('<b>R&D</b>') for text in texts)
    assert small_page.run('() => window.hacked') is None


def test_headline_has_metrics_summaries_and_sentences(small_page, small):
    rows = small_page.page.locator('#metrics-table tbody tr').all_inner_texts()
    assert len(rows) == 4
    keys = ('top1', 'many', 'medium', 'few', 'class_mean', 'worst_class', 'ece')
    for row, (i, kind) in zip(
        rows, [(i, k) for i in (0, 1) for k in ('raw', 'rebalanced')], strict=True
    ):
        metrics = small['runs'][i]['predictions'][kind]['metrics']
        assert row.split('\t')[-7:] == [f'{metrics[k]:.1f}' for k in keys]
    rows = small_page.page.locator('#summary-table tbody tr').all_inner_texts()
    summary = small['runs'][1]['gradients']['summary']
    assert rows[2].split('\t')[-len(summary) :] == [
        f'{v[-1]:.3f}' for v in summary.values()
    ]
    sentences = small_page.page.locator('#gradient-sentences p').all_inner_texts()
    few, many = (
        small['runs'][0]['gradients']['ratio_by_group'][g][-1] for g in ('few', 'many')
    )
    expected = f'{few:.2f} for few-shot classes and {many:.2f} for many-shot classes'
    assert expected in sentences[0]


def test_parts_that_every_run_lacks_are_left_out(open_report, small):
    line = "CE has no predictions: python tools/test.py c.py <x> --out 'a b.npz'"
    for run in small['runs']:
        run.update(predictions=None, vectors=None, course=None, setup=None)
        run['gradients']['matrix'] = None
    small.update(samples=None, images=None)
    small['missing'] = [line]
    page = open_report(small)
    figures = page.page.locator('.plot').evaluate_all('divs => divs.map(d => d.id)')
    assert figures == [
        'fig-ratio', 'fig-shares', 'fig-ratio-steps', 'fig-source-steps',
        'fig-summary-steps',
    ]  # fmt: skip
    headings = page.page.locator('h2').all_inner_texts()
    assert headings == [
        'At a glance', 'Gradients of class weight vectors', 'During training',
        'All classes',
    ]  # fmt: skip
    assert page.page.locator('#missing-list li').all_inner_texts() == [line]
    assert not page.page.locator('#choose-kind').is_visible()
    assert page.page.locator('#metrics-table, #vector-table').count() == 0


def test_a_part_that_one_run_lacks_is_drawn_for_the_others(open_report, small):
    small['runs'][0].update(gradients=None, vectors=None, predictions=None)
    page = open_report(small)
    for figure in ('fig-accuracy', 'fig-ratio', 'fig-matrix', 'fig-vectors', 'fig-tau'):
        assert {t['meta']['run'] for t in page.traces(figure)} == {1}
