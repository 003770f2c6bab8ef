"""Controls and the table of classes change the figures as documented."""

import pytest

CLASS_FIGURES = ('fig-ratio', 'fig-mass', 'fig-vectors', 'fig-shares')
RUN_FIGURES = (
    'fig-accuracy', *CLASS_FIGURES, 'fig-matrix', 'fig-ratio-steps', 'fig-source-steps',
    'fig-summary-steps', 'fig-confusion', 'fig-tau', 'fig-reliability',
)  # fmt: skip

NAMELESS = """() => [...document.querySelectorAll('input, select, button')]
  .filter(e => !e.labels?.length && !e.textContent.trim() && !e.ariaLabel)
  .map(e => e.outerHTML)"""


def in_order(report, order):
    """Class indices in the order that the control selects."""
    classes, first = report['classes'], report['runs'][0]
    accuracy = first['predictions']['raw']['class_accuracy']
    keys = {
        'count': lambda c: -classes[c]['count'],
        'accuracy': lambda c: 1 if accuracy[c] is None else -accuracy[c],
        'ratio': lambda c: -first['gradients']['ratio'][c],
        'index': lambda c: c,
    }
    return sorted(range(len(classes)), key=keys[order])


@pytest.mark.parametrize('order', ['count', 'accuracy', 'ratio', 'index'])
def test_classes_are_drawn_in_the_selected_order(small_page, order):
    small_page.order(order)
    report = small_page.report
    expected = in_order(report, order)
    for figure, part, field in (
        ('fig-ratio', 'gradients', 'ratio'),
        ('fig-vectors', 'vectors', 'own_similarity'),
    ):
        trace = small_page.traces(figure, run=1)[0]
        assert trace['y'] == [report['runs'][1][part][field][c] for c in expected]


def test_order_by_name_sorts_numbers_numerically(open_report, small):
    for c, entry in enumerate(small['classes']):
        entry['name'] = f'class {10 - c}'
    page = open_report(small)
    page.order('name')
    trace = page.traces('fig-mass', run=0)[0]
    mass = page.report['runs'][0]['predictions']['raw']['class_mass']
    assert trace['y'] == mass[::-1]


def test_order_by_accuracy_follows_the_first_selected_run(small_page):
    small_page.order('ratio')
    small_page.check('Runs', 'CE', False)
    ratio = small_page.report['runs'][1]['gradients']['ratio']
    assert small_page.traces('fig-ratio', key='ratio')[0]['y'] == sorted(ratio)[::-1]


def test_a_deselected_group_disappears_everywhere(small_page):
    report = small_page.report
    few = {c for c, entry in enumerate(report['classes']) if entry['group'] == 'few'}
    small_page.check('Shot groups', 'few', False)
    left = 10 - len(few)
    for figure in CLASS_FIGURES:
        for trace in small_page.traces(figure):
            assert len(trace['y']) == left, figure
    counts = {report['classes'][c]['count'] for c in few}
    assert not counts & {*small_page.traces('fig-accuracy')[0]['x']}
    assert len(small_page.traces('fig-matrix')[0]['z']) == left
    assert len(small_page.traces('fig-confusion')[0]['z']) == 2
    for figure in ('fig-ratio-steps', 'fig-source-steps', 'fig-tau'):
        assert 'few' not in {t['meta']['key'] for t in small_page.traces(figure)}
    assert {*small_page.cells(2)} == {'many', 'medium'}
    vectors = small_page.page.locator('#vector-table tbody').inner_text()
    assert 'few' not in vectors
    assert 'medium' in vectors
    small_page.check('Shot groups', 'few', True)
    assert {*small_page.cells(2)} == {'many', 'medium', 'few'}


def test_a_deselected_run_disappears_everywhere(small_page):
    for figure in RUN_FIGURES:
        assert {t['meta']['run'] for t in small_page.traces(figure)} == {0, 1}, figure
    small_page.check('Runs', 'CE', False)
    for figure in RUN_FIGURES:
        assert {t['meta']['run'] for t in small_page.traces(figure)} == {1}, figure
    for place in (
        '#metrics-table tbody',
        '#summary-table tbody',
        '#gradient-sentences',
    ):
        text = small_page.page.locator(place).inner_text()
        assert 'CE' not in text
        assert 'GALA' in text
    small_page.check('Runs', 'GALA', False)
    for figure in RUN_FIGURES:
        assert small_page.traces(figure) == []
    assert len(small_page.cells(0)) == 10


def test_table_is_sorted_by_any_column_and_back(small_page):
    report = small_page.report
    counts = sorted((c['count'] for c in report['classes']), reverse=True)
    assert small_page.cells(3) == list(map(str, counts))
    assert small_page.sort_by('count') == 'ascending'
    assert small_page.cells(3) == list(map(str, counts[::-1]))
    assert small_page.sort_by('name') == 'ascending'
    assert small_page.sort_by('index') == 'ascending'
    assert small_page.cells(1) == list(map(str, range(10)))
    assert small_page.sort_by('group') == 'ascending'
    assert small_page.cells(2) == sorted(
        small_page.cells(2), key='many medium few'.find
    )
    assert small_page.sort_by('ratio', run=1) == 'descending'
    ratio = report['runs'][1]['gradients']['ratio']
    assert small_page.cells(9) == [f'{r:.3f}' for r in sorted(ratio)[::-1]]
    assert small_page.sort_by('ratio', run=1) == 'ascending'
    assert small_page.cells(9) == [f'{r:.3f}' for r in sorted(ratio)]


@pytest.mark.parametrize('clicks', [1, 2])
def test_classes_without_a_value_come_last_in_the_table(small_page, clicks):
    for _ in range(clicks):
        small_page.sort_by('accuracy', run=0)
    accuracies = small_page.cells(4)
    assert accuracies[-1] == '–'
    known = [float(text.strip('%')) for text in accuracies[:-1]]
    assert known == sorted(known, reverse=clicks == 1)


def test_table_can_be_searched_by_name_and_index(small_page):
    search = small_page.page.get_by_label('Find a class')
    search.fill('r&D')
    assert small_page.cells(1) == ['1']
    search.fill('7')
    assert '7' in small_page.cells(1)
    search.fill('nothing of the kind')
    assert small_page.cells(1) == []
    assert small_page.page.locator('#row-range').inner_text() == '0'


def test_table_shows_numbers_of_each_run(small_page):
    report = small_page.report
    small_page.sort_by('index')
    row = (
        small_page.page.locator('#class-table tbody tr').nth(3).inner_text().split('\t')
    )
    theta = [run['gradients']['pos_grad'][3] for run in report['runs']]
    accuracy = [
        run['predictions']['raw']['class_accuracy'][3] for run in report['runs']
    ]
    assert [row[4], row[7]] == [f'{a:.1f}%' for a in accuracy]
    assert [float(row[k].replace(',', '')) for k in (5, 8)] == theta


def test_controls_have_labels_and_work_from_the_keyboard(small_page):
    nameless = small_page.run(NAMELESS)
    assert nameless == []
    box = small_page.page.get_by_role('group', name='Runs').get_by_label('CE')
    box.focus()
    small_page.page.keyboard.press('Space')
    small_page.settle()
    assert {t['meta']['run'] for t in small_page.traces('fig-ratio')} == {1}
    small_page.page.locator('#class-table button[data-sort=name]').focus()
    small_page.page.keyboard.press('Enter')
    focused = small_page.run('() => document.activeElement.dataset.sort')
    assert focused == 'name'
