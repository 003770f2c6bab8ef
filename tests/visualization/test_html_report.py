"""Content of the HTML report, without a browser."""

import json
import math
import re

import numpy as np
import pytest

from mmgala.visualization.html_report import write_html_report
from mmgala.visualization.report_sentences import describe_method
from tests.browser.made_reports import make_report

DATA = re.compile(
    r'<script type="application/json" id="report-data">(.*?)</script>', re.S
)


@pytest.fixture
def report():
    return make_report(10)


def written(report, tmp_path):
    path = tmp_path / 'new' / 'report.html'
    write_html_report(report, path)
    assert [p.name for p in path.parent.iterdir()] == ['report.html']
    return path.read_text(encoding='utf-8')


def data_of(page):
    return json.loads(DATA.search(page)[1])


def test_numbers_are_rounded_to_five_digits(tmp_path, report):
    report['runs'][0]['gradients']['ratio'][:3] = [123456.789, 0.000123456789, 1 / 3]
    report['runs'][0]['vectors']['norm'] = np.full(10, 2 / 3, dtype=np.float32)
    data = data_of(written(report, tmp_path))
    ratio = data['runs'][0]['gradients']['ratio']
    assert ratio[:3] == [123460.0, 0.00012346, 0.33333]
    assert data['runs'][0]['vectors']['norm'] == [0.66667] * 10
    assert data['classes'] == report['classes']
    np.testing.assert_allclose(
        data['runs'][1]['gradients']['pos_grad'],
        report['runs'][1]['gradients']['pos_grad'],
        rtol=5e-5,
    )


@pytest.mark.parametrize('value', [math.nan, math.inf, None])
def test_non_finite_numbers_become_gaps(tmp_path, report, value):
    report['runs'][0]['gradients']['ratio'][3] = value
    data = data_of(written(report, tmp_path))
    assert data['runs'][0]['gradients']['ratio'][3] is None


def test_large_counts_are_not_rounded(tmp_path, report):
    report['classes'][0]['count'] = 1_234_567
    assert data_of(written(report, tmp_path))['classes'][0]['count'] == 1_234_567


def test_names_and_title_are_escaped(tmp_path, report):
    hostile = '</script><!--<script>alert(1)</script>"&'
    plain = written(report, tmp_path)
    report.update(title=hostile)
    report['classes'][0]['name'] = report['runs'][0]['name'] = hostile
    page = written(report, tmp_path)
    data = data_of(page)
    assert data['title'] == data['classes'][0]['name'] == hostile
    for tag in ('<script', '</script', '<!--'):
        assert page.count(tag) == plain.count(tag)
    assert '<title>&lt;/script&gt;&lt;!--' in page


def test_the_page_loads_nothing_from_the_network(tmp_path, report):
    page = written(report, tmp_path)
    assert re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)=[^>]*', page) == [
        '<link rel="icon" href="data:,"'
    ]
    assert 'Plotly' in page


def test_a_failed_write_keeps_the_old_page(tmp_path, report, monkeypatch):
    written(report, tmp_path)
    before = (tmp_path / 'new' / 'report.html').read_bytes()
    monkeypatch.setattr('os.replace', lambda *_: (_ for _ in ()).throw(OSError('full')))
    with pytest.raises(OSError, match='full'):
        write_html_report(
            {**report, 'title': 'other'}, tmp_path / 'new' / 'report.html'
        )
    assert (tmp_path / 'new' / 'report.html').read_bytes() == before
    assert len([*(tmp_path / 'new').iterdir()]) == 1


def lengthen(report):
    report['runs'][1]['gradients']['ratio'].append(1.0)


def shorten(report):
    report['runs'][1]['predictions']['raw']['class_mass'].pop()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lengthen, 'GALA: gradients: `ratio` has 11 values, but the report has 10 '
         'classes'),
        (shorten, 'GALA: raw predictions: `class_mass` has 9 values'),
        (lambda r: r.pop('missing'), 'the report .*lacks `missing`'),
        (lambda r: r['runs'].clear(), '`runs` is empty'),
        (lambda r: r['runs'][0].pop('vectors'), 'a run .*lacks `vectors`'),
        (lambda r: r['runs'][0]['vectors'].pop('norm'), 'CE: vectors .*lacks `norm`'),
        (lambda r: r['classes'][2].pop('count'), 'class 2 .*lacks `count`'),
        (lambda r: r['classes'][2].update(group='rare'), "class 2 .*'rare'"),
    ],
)  # fmt: skip
def test_invalid_reports_are_refused(tmp_path, report, change, message):
    change(report)
    with pytest.raises(ValueError, match=message) as caught:
        write_html_report(report, tmp_path / 'report.html')
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'report.html').exists()


def test_a_report_must_be_a_dict(tmp_path):
    with pytest.raises(TypeError, match='`report` to be a dict'):
        write_html_report([], tmp_path / 'report.html')


RUN = {
    'name': 'CE',
    'gradients': {
        'unit': 'epoch',
        'ratio_by_group': {'many': [1.5, 1.019], 'few': [0.5, 0.8149]},
        'source_share_by_step': {'many': [0.9, 0.684], 'few': [0.1, 0.316]},
    },
    'vectors': {
        'groups': {'many': {'own_similarity': 0.7}, 'few': {'own_similarity': 0.345}}
    },
    'predictions': {
        'tau': 1.5,
        'raw': {'metrics': {'many': 80.04, 'few': 22.5}},
        'rebalanced': {'metrics': {'many': 79.0, 'few': 40.0}},
    },
}
CLASSES = [{'group': 'many'}, {'group': 'few'}]


def test_sentences_state_the_numbers_of_tail_and_head():
    assert describe_method([RUN], CLASSES) == {
        'gradients': 'in the last epoch, the gradient ratio was 0.81 for few-shot '
        'classes and 1.02 for many-shot classes; samples of many-shot classes caused '
        '68 % of all negative gradient.',
        'vectors': 'the own-class similarity is 0.34 for few-shot classes and 0.70 for '
        'many-shot classes.',
    }


def test_sentences_on_seeds_have_their_mean_and_spread():
    other = {**RUN, 'vectors': {'groups': {'few': {'own_similarity': 0.745}}}}
    text = describe_method([RUN, other], CLASSES)['vectors']
    spread = np.std([0.345, 0.745], ddof=1)
    assert f'0.54 ± {spread:.2f} for few-shot classes and 0.70 for many' in text


def test_sentences_omit_missing_parts():
    empty = {'name': 'x', 'gradients': None, 'vectors': None, 'predictions': None}
    assert describe_method([empty], CLASSES) == {}
    gradients = {'unit': 'iter', 'ratio_by_group': {'many': [1.0], 'few': [None]}}
    assert describe_method([{**empty, 'gradients': gradients}], CLASSES) == {
        'gradients': 'in the last period, the gradient ratio was 1.00 for many-shot '
        'classes.'
    }
