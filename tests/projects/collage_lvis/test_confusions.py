"""Where detections of rare classes lie, counted by hand."""

import json
import re

import pytest

from projects.collage_lvis.confusions import confusions, markdown

CATEGORIES = [(1, 'r'), (2, 'r'), (3, 'f'), (4, 'c')]
# Image, category and box of what is annotated.
OBJECTS = [(7, 1, [0, 0, 10, 10]), (7, 3, [50, 50, 10, 10]), (8, 2, [0, 0, 10, 20])]
# The same and the score of what is detected.
DETECTIONS = [
    (7, 1, [0, 0, 10, 9], 0.9),  # right
    (7, 1, [0, 0, 10, 4], 0.8),  # overlaps too little: background
    (7, 1, [0, 0, 10, 10], 0.04),  # not sure enough
    (7, 2, [50, 50, 10, 10], 0.5),  # on a frequent class
    (7, 2, [51, 50, 10, 10], 0.3),  # likewise
    (7, 3, [0, 0, 10, 10], 0.7),  # not of a rare class
    (8, 1, [0, 0, 10, 20], 0.6),  # on another rare class
    (8, 2, [0, 0, 10, 20], 0.2),  # right
]


@pytest.fixture
def found(tmp_path):
    annotations = [dict(image_id=i, category_id=c, bbox=box) for i, c, box in OBJECTS]
    categories = [dict(id=c, frequency=f) for c, f in CATEGORIES]
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations' / 'lvis_test.json').write_text(
        json.dumps(dict(annotations=annotations, categories=categories))
    )
    detections = [
        dict(image_id=i, category_id=c, bbox=box, score=s)
        for i, c, box, s in DETECTIONS
    ]
    (tmp_path / 'test.bbox.json').write_text(json.dumps(detections))
    return confusions(tmp_path, tmp_path / 'test.bbox.json')


def test_each_detection_counts_where_it_lies(found):
    assert found == {
        'right': [2, 0.55],
        'f': [2, 0.4],
        'c': [0, None],
        'r': [1, 0.6],
        'none': [1, 0.8],
    }


def test_a_row_is_the_mean_over_seeds(found):
    other = {**found, 'right': [4, 0.75]}
    runs = [
        dict(detector='retinanet', method='focal', rare_detections=seed)
        for seed in (found, other)
    ]
    row = '| retinanet, focal | 3 (0.65) | 2 (0.40) | 0 | 1 (0.60) | 1 (0.80) |'
    assert row in re.sub(' +', ' ', markdown(runs))
