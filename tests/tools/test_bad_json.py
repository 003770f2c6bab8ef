"""Bad COCO-style annotations give a one-line error before the first training step."""

import json

import pytest

from tests.tools.spoiled import assert_refused, linked, start

NAME = 'gala/resnet50_inaturalist2018'


@pytest.fixture
def inaturalist(tmp_path, miniatures):
    return linked(miniatures.inaturalist, tmp_path / 'inaturalist')


# Changed training JSON and the expected error. All kinds of invalid entries are in
# tests/datasets/readers/test_coco_labels.py.
JSON = {
    'category beyond the number of classes': (
        lambda content: content['annotations'][8].update(category_id=6),
        r'train2018\.json: image id 9 has category id 6, expected 0 to 5',
    ),
    'missing image': (
        lambda content: content['images'][4].update(file_name='Plantae/1/x.jpg'),
        r'first Plantae/1/x\.jpg \(\S+/train2018\.json, image id 5\)',
    ),
}


@pytest.mark.parametrize('kind', JSON)
def test_training_json(kind, inaturalist, miniatures, tmp_path):
    change, message = JSON[kind]
    path = inaturalist / 'train2018.json'
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))

    end = start(NAME, miniatures, inaturalist, tmp_path)

    assert_refused(end, message, tmp_path)


def test_truncated_json(inaturalist, miniatures, tmp_path):
    path = inaturalist / 'train2018.json'
    path.write_text(path.read_text()[:1000])

    end = start(NAME, miniatures, inaturalist, tmp_path)

    assert_refused(end, r'train2018\.json:1: invalid JSON', tmp_path)
