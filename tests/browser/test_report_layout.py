"""Many runs on a desktop, a phone and paper: no text covers another or is cut off."""

import pytest

from tests.browser.conftest import DESKTOP
from tests.browser.made_reports import make_report
from tests.browser.test_report_media import PHONE
from tests.visualization.test_readable import METHODS

# Pairs of texts of one figure that share more than 3 x 3 pixels.
OVERLAPS = """() => [...document.querySelectorAll('.plot')].flatMap(plot => {
  const texts = [...plot.querySelectorAll(
    '.xtick text, .ytick text, .annotation-text, .legendtext, .xtitle, .ytitle, ' +
    '.x2title, .x3title, .y2title, .y3title')]
    .filter(t => t.textContent.trim() && t.getBoundingClientRect().width > 0)
    // The box of a turned text is larger than the text.
    .filter(t => !/rotate\\((?!0[,)])/.test(t.getAttribute('transform') ?? ''))
    .map(t => [t.textContent, t.getBoundingClientRect()]);
  const found = [];
  texts.forEach(([a, p], k) => texts.slice(k + 1).forEach(([b, q]) => {
    const width = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const height = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (width > 3 && height > 3) found.push([plot.id, a, b]);
  }));
  return found;
})"""
# Elements outside of tables that scroll, whose text is wider than they are.
CUT_OFF = """() => [...document.querySelectorAll('main *')]
  .filter(e => e.checkVisibility() && !e.closest('.scroll, .plot, select, .verdict'))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => [e.tagName, e.className, e.textContent.slice(0, 40)])"""
WIDTHS = '() => [document.documentElement.scrollWidth, innerWidth]'


@pytest.fixture(scope='module')
def many_runs():
    """Eight runs with long names, more than there are colours, of few classes."""
    report = make_report(6, METHODS[3:11])
    report['classes'][3]['name'] = 'Pneumonoultramicroscopicsilicovolcanoconiosis' * 2
    return report


@pytest.mark.parametrize(
    ('device', 'context'), [('1280', dict(viewport=DESKTOP)), ('390', PHONE)]
)
def test_texts_do_not_cover_each_other(
    open_report, many_runs, artefacts, device, context
):
    page = open_report(many_runs, **context)
    assert page.run(OVERLAPS) == []
    assert page.run(CUT_OFF) == []
    scrolled, width = page.run(WIDTHS)
    assert scrolled <= width
    page.page.screenshot(path=artefacts / f'report_{device}.png', full_page=True)


def test_no_two_methods_look_alike(open_report, many_runs):
    page = open_report(many_runs)
    marks = page.run("""() => document.querySelector('#fig-accuracy').data
        .filter(trace => trace.marker && trace.name)
        .map(({ name, marker }) => [name, `${marker.color} ${marker.symbol}`])""")
    looks = dict(map(tuple, marks))
    assert set(looks) == {run['name'] for run in many_runs['runs']}
    assert len(set(looks.values())) == len(looks) == 8


def test_paper_has_every_part_and_no_cut_tables(open_report, many_runs, artefacts):
    page = open_report(many_runs, viewport=DESKTOP)
    page.page.set_viewport_size(dict(width=688, height=1000))  # A4 without margins
    page.page.emulate_media(media='print')
    page.settle()
    assert page.run(OVERLAPS) == []
    assert page.run(CUT_OFF) == []
    for part in ('#change-cards', '#mistake-cards', '#confusion-table', '#setups'):
        assert page.page.locator(part).is_visible()
    assert page.page.locator('.commands').first.is_visible()
    page.page.screenshot(path=artefacts / 'report_print.png', full_page=True)
