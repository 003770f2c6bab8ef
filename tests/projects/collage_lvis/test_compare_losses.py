"""The comparison of losses: methods are added to recorded ones."""

import json

import pytest

from projects.collage_lvis.compare_losses import with_recorded


@pytest.fixture
def recorded(tmp_path):
    runs = [
        dict(detector='faster-rcnn', method='ce', seed=0, old=True),
        dict(detector='retinanet', method='focal', seed=0, old=True),
        dict(detector='retinanet', method='removed', seed=0, old=True),
        dict(detector='retinanet', method='focal', seed=1, old=True),
    ]
    path = tmp_path / 'runs.json'
    path.write_text(json.dumps(dict(runs=runs)))
    return path


def test_runs_that_are_not_repeated_stay(recorded):
    new = [
        dict(detector='retinanet', method='gala-objectness', seed=0),
        dict(detector='retinanet', method='focal', seed=0),
    ]
    assert with_recorded(new, recorded) == [
        dict(detector='faster-rcnn', method='ce', seed=0, old=True),
        dict(detector='retinanet', method='focal', seed=0),
        dict(detector='retinanet', method='gala-objectness', seed=0),
        dict(detector='retinanet', method='removed', seed=0, old=True),
        dict(detector='retinanet', method='focal', seed=1, old=True),
    ]


def test_a_first_comparison_has_its_runs_alone(tmp_path):
    new = [dict(detector='retinanet', method='focal', seed=0)]
    assert with_recorded(new, tmp_path / 'runs.json') == new
