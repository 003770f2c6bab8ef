"""What was found comes first; seeds of a method are one row that opens."""

import numpy as np

from tests.browser.conftest import HOSTILE

LINES = [
    dict(topic='accuracy', heading='Accuracy', text=f'{HOSTILE} is best: 81.0 %.'),
    dict(topic='next', heading='Next', text='Fit it.', command='mmgala fit a <b> c'),
    dict(topic='next', heading='Next', text='Use it.', command=''),
]


def as_seeds(report):
    """The two runs of a report as two seeds of one method."""
    report['methods'] = [dict(name='GALA', runs=[0, 1], seeds=[0, 3])]
    report['answer'] = [dict(dict(command=''), **line) for line in LINES]
    report['answer_note'] = 'Within chance means this.'
    return report


def rows_of(page, table='metrics-table'):
    rows = page.page.locator(f'#{table} tbody tr').all_inner_texts()
    return [[cell.strip() for cell in row.split('\t')] for row in rows]


def spread(values, digits=1):
    return f'{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}'


def test_the_answer_is_above_all_else_and_not_markup(open_report, small):
    page = open_report(as_seeds(small))
    texts = page.page.locator('#answer-lines dd p').all_inner_texts()
    assert [text.replace('\u00a0', ' ') for text in texts] == [
        line['text'] for line in LINES
    ]
    assert page.page.locator('#answer-lines dt').all_inner_texts() == [
        'Accuracy', 'Next', '',
    ]  # fmt: skip
    assert page.page.locator('#answer-lines code').all_inner_texts() == [
        'mmgala fit a <b> c'
    ]
    assert page.page.locator('#answer-note').inner_text() == small['answer_note']
    tops = [
        page.page.locator(place).bounding_box()['y']
        for place in ('#answer', '#controls', '#metrics-table', '#gradient-sentences')
    ]
    assert tops == sorted(tops)


def test_seeds_are_one_row_that_opens(open_report, small):
    page = open_report(as_seeds(small))
    keys = ('top1', 'many', 'medium', 'few', 'class_mean', 'worst_class', 'ece')
    raw = [run['predictions']['raw']['metrics'] for run in small['runs']]
    rows = rows_of(page)
    assert len(rows) == 2
    assert rows[0][-7:] == [spread([metrics[key] for metrics in raw]) for key in keys]
    button = page.page.locator('#metrics-table button.seeds')
    assert button.inner_text().startswith('2 seeds')
    assert button.get_attribute('aria-expanded') == 'false'
    button.click()
    rows = rows_of(page)
    assert [row[0] for row in rows[2:]] == ['seed 0', '', 'seed 3', '']
    assert rows[4][-7:] == [f'{raw[1][key]:.1f}' for key in keys]
    assert button.get_attribute('aria-expanded') == 'true'
    button.click()
    assert len(rows_of(page)) == 2
    summary = [run['gradients']['summary_total'] for run in small['runs']]
    assert rows_of(page, 'summary-table')[1][-5:] == [
        spread([values[key] for values in summary], 2) for key in summary[0]
    ]


def test_the_row_of_a_method_is_of_its_chosen_seeds(open_report, small):
    page = open_report(as_seeds(small))
    page.check('Runs', 'CE', False)
    (raw, _) = rows_of(page)
    assert raw[-7] == f'{small["runs"][1]["predictions"]["raw"]["metrics"]["top1"]:.1f}'
    page.check('Runs', 'GALA', False)
    assert rows_of(page) == []
