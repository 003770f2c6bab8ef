"""docs/method.md: its pictures can be drawn, and its numbers are those of the runs."""

import re
import sys

import numpy as np
import pytest

from tests.docs.pages import ROOT, links

sys.path.insert(0, str(ROOT / 'benchmarks'))

import method_pictures
from results_table import read_result

PAGE = 'docs/method.md'
TEXT = re.sub(r'\s+', ' ', (ROOT / PAGE).read_text())


@pytest.fixture(scope='module')
def data():
    """Both runs."""
    return read_result(method_pictures.NAME)['methods']


def test_pictures_are_drawn_from_the_file(data, tmp_path):
    drawn = method_pictures.draw(data, tmp_path)
    shown = [link for link in links(PAGE) if link.endswith('.svg')]
    assert [f'images/{path.name}' for path in drawn] == shown
    for path in drawn:
        assert path.read_text().startswith('<?xml')
    for index in (0, 1):  # both runs are of the same data
        assert list(data.values())[index]['counts'] == data['GALA']['counts']


def test_the_rare_class_is_pushed_more_than_pulled(data):
    run = data['cross-entropy']
    assert round(run['push'][0][-1] / run['pull'][0][-1]) == 9
    assert 'pushed nine times as strongly as it is pulled' in TEXT
    assert run['raw']['shares'][-1] == 0
    assert 'recognises none' in TEXT


def test_gala_pushes_it_less(data):
    ratio = {n: run['push'][0][-1] / run['pull'][0][-1] for n, run in data.items()}
    assert ratio['GALA'] < ratio['cross-entropy'] / 2


def test_margins_shrink_as_the_page_says(data):
    theta = np.array(data['GALA']['pull']).cumsum(axis=0)
    margins = np.log(theta[:, 0] / theta[:, -1])
    assert f'falls from {margins[0]:.1f} to {margins[-1]:.1f}' in TEXT


def test_rebalancing_repairs_much_after_cross_entropy_and_little_after_gala(data):
    gains = {n: r['re-balanced']['top1'] - r['raw']['top1'] for n, r in data.items()}
    assert gains['cross-entropy'] > 3 * gains['GALA'] > 0
