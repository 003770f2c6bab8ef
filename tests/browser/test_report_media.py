"""The page on a phone, in print, and with as many classes as iNaturalist."""

import time

import pytest

from mmgala.visualization.html_report import write_html_report
from tests.browser.conftest import DESKTOP, small_report
from tests.browser.made_reports import make_report
from tests.browser.report_page import ReportPage

PHONE = dict(
    viewport=dict(width=390, height=844),
    device_scale_factor=2,
    is_mobile=True,
    has_touch=True,
)
NUM_FIGURES = 14
SIZES = """() => [...document.querySelectorAll('.plot')].map(div => {
  const drawn = div.querySelector('.main-svg').getBoundingClientRect();
  return [div.id, drawn.width, drawn.height,
          drawn.right - document.querySelector('main').getBoundingClientRect().right];
})"""
NO_WEBGL = """const original = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.includes('webgl') ? null : original.call(this, kind, ...rest);
};"""


@pytest.fixture(scope='module')
def opened_large(browser, tmp_path_factory):
    """Three runs with 8,142 classes, and the seconds that opening them took."""
    path = tmp_path_factory.mktemp('large') / 'large.html'
    write_html_report(make_report(8142, ('CE', 'CE + re-weighting', 'GALA')), path)
    context = browser.new_context(offline=True, viewport=DESKTOP)
    page = ReportPage(context)
    started = time.monotonic()
    page.open(path)
    yield page, time.monotonic() - started
    page.close()
    assert page.faults == []


@pytest.fixture(scope='module')
def phone(browser, tmp_path_factory):
    """The small report on a phone."""
    path = tmp_path_factory.mktemp('phone') / 'small.html'
    write_html_report(small_report(), path)
    page = ReportPage(browser.new_context(offline=True, **PHONE))
    page.open(path)
    yield page
    page.close()
    assert page.faults == []


@pytest.fixture
def desktop(small_page):
    """The small report on a desktop; tests may change window size and medium."""
    yield small_page
    small_page.page.emulate_media(media='screen')
    small_page.page.set_viewport_size(DESKTOP)
    small_page.page.wait_for_function(
        "() => document.querySelector('#fig-tau .main-svg').clientWidth > 1000"
    )


def overflow(page):
    return page.run('() => document.documentElement.scrollWidth - innerWidth')


def test_phone_page_does_not_scroll_sideways(phone, artefacts):
    phone.page.screenshot(path=artefacts / 'phone.png', full_page=True)
    assert overflow(phone) <= 0
    sizes = phone.run(SIZES)
    assert len(sizes) == NUM_FIGURES
    for figure, width, height, beyond in sizes:
        assert width > 300, figure
        assert height > 200, figure
        assert beyond <= 0, figure


def test_phone_controls_unfold_and_work(phone, artefacts):
    page = phone
    assert not page.page.get_by_label('Order of classes').is_visible()
    page.page.get_by_text('Runs, classes and order').tap()
    page.page.screenshot(path=artefacts / 'phone_controls.png')
    for label in page.page.locator('.choices label').all():
        assert label.bounding_box()['height'] >= 40
    page.check('Runs', 'CE', False)
    assert {t['meta']['run'] for t in page.traces('fig-ratio')} == {1}
    assert overflow(page) <= 0


def test_figures_follow_the_width_of_the_window(desktop):
    page = desktop
    page.page.set_viewport_size(dict(width=700, height=900))
    page.page.wait_for_function(
        "() => document.querySelector('#fig-tau .main-svg').clientWidth < 700"
    )
    page.settle()
    assert overflow(page) <= 0
    assert all(beyond <= 0 for *_, beyond in page.run(SIZES))


@pytest.mark.parametrize('classes', [10, 1203])
def test_print_has_all_charts_and_no_controls(request, artefacts, classes):
    if classes == 10:
        page = request.getfixturevalue('desktop')
    else:
        open_report = request.getfixturevalue('open_report')
        page = open_report(make_report(classes), viewport=DESKTOP)
    page.page.emulate_media(media='print')
    page.page.wait_for_function(
        "() => document.querySelector('#fig-tau .main-svg').clientWidth === 680"
    )
    page.page.set_viewport_size(dict(width=688, height=1000))  # A4 less its margins
    page.page.screenshot(path=artefacts / f'print_{classes}.png', full_page=True)
    for hidden in ('#controls', '.pager', '#search', '.modebar-container'):
        assert not any(e.is_visible() for e in page.page.locator(hidden).all())
    sizes = page.run(SIZES)
    assert len(sizes) == NUM_FIGURES
    assert all(width == 680 and height > 150 for _, width, height, _ in sizes)
    assert overflow(page) <= 0
    background = page.run(
        '() => getComputedStyle(document.documentElement).backgroundColor'
    )
    assert background == 'rgb(255, 255, 255)'


def test_pdf_can_be_made(desktop, artefacts):
    path = artefacts / 'report.pdf'
    desktop.page.pdf(path=path, prefer_css_page_size=True)
    assert path.read_bytes()[:5] == b'%PDF-'


def test_thousands_of_classes_are_drawn_fast_with_few_nodes(opened_large, artefacts):
    page, seconds = opened_large
    assert seconds < 60
    page.page.screenshot(path=artefacts / 'large.png', full_page=True)
    (trace,) = page.traces('fig-accuracy', run=2)
    assert trace['type'] == 'scattergl'
    assert len(trace['y']) == 8142
    assert len(page.cells(0)) == 25
    assert page.run("() => document.querySelectorAll('#class-section *').length") < 700
    assert page.run("() => document.querySelectorAll('*').length") < 15_000

    page.page.locator('#class-section').get_by_role('button', name='Next').click()
    assert page.page.locator('#row-range').inner_text() == '26–50 of 8,142'
    page.page.get_by_label('Find a class').fill('species 8141')
    assert page.cells(1) == ['8141']
    page.order('accuracy')
    assert len(page.traces('fig-ratio', run=0, key='ratio')[0]['y']) == 8142


def test_trends_and_bars_are_means_of_neighbours(opened_large):
    page, _ = opened_large
    page.order('count')
    mass = page.traces('fig-vectors', run=0, key='norm')[0]['y']
    (trend,) = page.traces('fig-vectors', run=0, key='norm', trend=True)
    size = -(-8142 // 40)
    means = [
        sum(block) / len(block)
        for block in (mass[k : k + size] for k in range(0, 8142, size))
    ]
    assert trend['y'] == pytest.approx(means)
    (bars,) = page.traces('fig-shares', run=0, group='many')
    shares, counts = (
        page.report['runs'][0]['gradients']['source_shares'],
        [entry['count'] for entry in page.report['classes']],
    )
    order = sorted(range(8142), key=lambda c: (-counts[c], c))
    size = -(-8142 // 200)
    assert bars['y'][1] == pytest.approx(
        sum(shares[c][0] for c in order[size : 2 * size]) / size
    )
    assert len(bars['y']) <= 200


def test_without_webgl_all_points_are_still_drawn(open_report):
    report = make_report(1600, ('a', 'b'))
    page = open_report(report, script=NO_WEBGL, viewport=DESKTOP)
    (trace,) = page.traces('fig-ratio', run=1, key='ratio')
    assert trace['type'] == 'scatter'
    points = page.page.locator('#fig-mass .scatterlayer path.point')
    assert points.count() == 2 * 1600
