"""Fixtures for a browser without network access, and for reports opened in it."""

import os
import shutil
from pathlib import Path

import pytest

from mmgala.visualization.html_report import write_html_report
from tests.browser.made_reports import IMAGE, make_report
from tests.browser.report_page import ReportPage

# For root, without a GPU, and without requests to the vendor's servers.
ARGUMENTS = (
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-quic',
)
DESKTOP = dict(width=1280, height=900)
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
# Names with markup, which must not be interpreted.
HOSTILE = '</script><script>window.hacked = 1</script><img src=x onerror=hacked=1>'
NAMES = {0: HOSTILE, 1: '<b>R&D</b> "x"', 2: "o'clock & <i>more</i>"}


def _absent(reason):
    if os.environ.get('MMGALA_REQUIRE_BROWSER') == '1':
        pytest.fail(f'MMGALA_REQUIRE_BROWSER=1, but {reason}')
    pytest.skip(reason)


@pytest.fixture(scope='session')
def browser():
    """Chromium, started once; skipped if it or Playwright is not installed."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent('Playwright is not installed: pip install playwright')
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        _absent(f'none of {", ".join(BROWSERS)} is installed: apt install chromium')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope='session')
def artefacts(tmp_path_factory):
    """Folder for screenshots: ``MMGALA_ARTEFACTS``, or a temporary one."""
    given = os.environ.get('MMGALA_ARTEFACTS')
    folder = Path(given) if given else tmp_path_factory.mktemp('artefacts')
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def open_report(browser, tmp_path):
    """Write and open reports; at the end, check that no errors occurred in them."""
    opened = []

    def open_one(report, script=None, **context):
        path = tmp_path / f'report_{len(opened)}.html'
        write_html_report(report, path)
        opened.append(ReportPage(browser.new_context(offline=True, **context)))
        opened[-1].open(path, script)
        return opened[-1]

    yield open_one
    for page in opened:
        page.close()
    assert [page.faults for page in opened] == [[]] * len(opened)


def small_report():
    """Ten classes, two runs, one class without test samples; hostile names."""
    report = make_report(10, ('CE', f'GALA {HOSTILE}'), title=f'Title {HOSTILE}')
    for index, name in NAMES.items():
        report['classes'][index]['name'] = name
    for run in report['runs']:
        run['setup'] = dict.fromkeys(run['setup'], HOSTILE)
        for kind in ('raw', 'rebalanced'):
            run['predictions'][kind]['class_accuracy'][4] = None
    report['images'][1] = None
    report['images'][2] = f'{IMAGE}" onerror="window.hacked = 1'
    report['image_note'] = f'1 of 40 images cannot be shown: {HOSTILE}'
    return report


@pytest.fixture
def small():
    """A copy of the small report, which a test may change."""
    return small_report()


@pytest.fixture(scope='session')
def _opened_small(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp('report') / 'small.html'
    write_html_report(small_report(), path)
    context = browser.new_context(offline=True, viewport=DESKTOP)
    page = ReportPage(context)
    page.open(path)
    yield page
    page.close()


@pytest.fixture
def small_page(_opened_small):
    """The small report on a desktop, reset instead of reopened, which takes seconds."""
    _opened_small.reset()
    yield _opened_small
    assert _opened_small.faults == []
