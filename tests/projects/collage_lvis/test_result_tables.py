"""Tables of the detection benchmark, from runs with known figures."""

import re

import pytest

from projects.collage_lvis.detector_runs import METRICS
from projects.collage_lvis.result_tables import best_background, markdown

# Method -> AP of seeds 0 and 1 on validation and on test part.
VALUES = {
    'ce': ((90.0, 90.0), (91.0, 92.0)),
    'gala': ((30.0, 34.0), (60.0, 62.0)),
    'gala-objectness': ((33.0, 33.0), (20.0, 21.0)),
}


@pytest.fixture
def runs():
    return [
        dict(
            detector='faster-rcnn',
            method=method,
            seed=seed,
            seconds=60.0 * (1 + 2 * seed),
            val={**dict.fromkeys(METRICS, 1.0), 'AP': val[seed]},
            test={**dict.fromkeys(METRICS, 2.0), 'AP': test[seed], 'APf': None},
        )
        for seed in (0, 1)
        for method, (val, test) in VALUES.items()
    ]


def test_the_background_is_chosen_on_the_validation_part_among_galas_forms(runs):
    assert best_background(runs, 'faster-rcnn') == 'gala-objectness'


def test_each_row_is_the_mean_and_each_seed(runs):
    text = re.sub(' +', ' ', markdown(runs, {'faster-rcnn': 'gala-objectness'}))
    test, val = text.split('Validation part')
    row = '| faster-rcnn, gala | 61.0 (60.0, 62.0) | 2.0 (2.0, 2.0) |'
    assert row in test
    assert '| faster-rcnn, gala | 32.0 (30.0, 34.0) | 1.0 (1.0, 1.0) |' in val
    assert text.count('| 2.0 |\n') == 6  # minutes
    assert 'each of 0, 1' in text
    assert 'the better form of GALA is gala-objectness' in text


def test_a_group_without_classes_has_no_figure(runs):
    text = re.sub(' +', ' ', markdown(runs, {'faster-rcnn': 'gala'}))
    test = text.split('Validation part')[0]
    assert test.count('| - |') == 3
