"""Colours are told apart by colour-blind readers, and lines in grey print."""

import pytest

from mmgala.visualization.axes import COLOURS, RUN_COLOURS
from mmgala.visualization.class_plots import PREDICTION_LINES, PREDICTION_STYLES
from mmgala.visualization.gradient_plots import GROUP_COLOURS, run_style
from mmgala.visualization.method_lines import MOST_TOGETHER, line_style
from mmgala.visualization.prediction_plots import CURVE_STYLES
from tests.visualization.colour_vision import VISION, lab, least_distance

LEAST = 15  # differences of 2.3 are just noticeable
SETS = {
    'runs': (RUN_COLOURS[:3], 35),
    'all': (COLOURS, LEAST),
    'groups': (GROUP_COLOURS.values(), LEAST),
    'raw and re-balanced': ([colour for _, colour in PREDICTION_STYLES.values()], 80),
    'curves': ([colour for _, colour, *_ in CURVE_STYLES.values()], LEAST),
}


@pytest.mark.parametrize('vision', VISION)
@pytest.mark.parametrize('name', SETS)
def test_colours_differ_for_every_reader(name, vision):
    colours, least = SETS[name]
    assert least_distance(list(colours), vision) > least


def test_the_measure_refuses_red_with_green():
    assert least_distance(['#d62728', '#2ca02c'], 'full') > LEAST
    assert least_distance(['#b5651d', '#6b8e23'], 'deuteranopia') < LEAST


def test_neighbours_in_a_stack_differ_in_grey_print():
    lightness = [lab(colour)[0] for colour in GROUP_COLOURS.values()]
    assert abs(lightness[0] - lightness[1]) > LEAST
    assert abs(lightness[1] - lightness[2]) > LEAST


def test_lines_differ_without_colour():
    together = [line_style(k, MOST_TOGETHER) for k in range(MOST_TOGETHER)]
    assert len({(s['marker'], s['linestyle']) for s in together}) == MOST_TOGETHER
    many = [run_style(k) for k in range(36)]
    looks = {(s['color'], s['marker'], s['linestyle']) for s in many}
    assert len(looks) == 36
    assert len({*PREDICTION_LINES.values()}) == len(PREDICTION_LINES)
