"""LVISDataset: every bad file is refused in one line that names it."""

import json
import re

import pytest
from mmdet.datasets import CocoDataset

from mmgala.datasets import align_classes
from mmgala.detection.lvis.dataset import LVISDataset
from tests.detection.lvis.tiny_lvis import tiny
from tests.detection.lvis_files import write_lvis


def drop(part, *keys):
    def change(content):
        for item in content[part]:
            for key in keys:
                item.pop(key, None)

    return change


def coco(content):
    drop('categories', 'frequency')(content)
    drop('images', 'neg_category_ids', 'not_exhaustive_category_ids')(content)


def put(part, index, **values):
    return lambda content: content[part][index].update(values)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (coco, "not an LVIS file (no category has 'frequency'"),
        (drop('categories', 'frequency'), "categories[0] has no 'frequency'."),
        (drop('images', 'neg_category_ids'), "images[0] has no 'neg_category_ids'."),
        (drop('annotations', 'bbox'), "annotations[0] has no 'bbox'."),
        (drop('images', 'coco_url'), 'image 10: the path is empty (from `coco_url` or'),
        (put('images', 0, coco_url='', file_name='../a.jpg'),
         'image 20: the path ../a.jpg is outside the image root'),
        (put('categories', 1, frequency='x'),
         "category 3 (ant) has frequency 'x'; expected 'r', 'c' or 'f'."),
        (put('annotations', 4, category_id=8),
         'annotation 5 has category_id 8, which is not in categories'),
        (put('annotations', 4, image_id=99),
         'annotation 5 has image_id 99, which is not in images'),
        (put('annotations', 4, id=1), 'id 1 occurs twice in annotations.'),
        (put('categories', 0, id='7'), "categories[0] has id '7'; ids must be int"),
        (lambda content: {'images': []}, 'the lists annotations, categor'),
        (lambda content: [1], 'the lists annotations, categories, images'),
        (lambda content: dict(content, images=[], annotations=[]), 'there are no imag'),
    ],
)  # fmt: skip
def test_bad_file(tiny_set, change, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        tiny_set(change)

    assert 'lvis.json: ' in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('classes', [['ant', 'bee'], ['ant', 'bee', 'cat', 'dog']])
def test_categories_that_are_no_classes_are_refused(tiny_set, classes):
    with pytest.raises(ValueError, match=r'not among the .*: newt\. .*by name'):
        tiny_set(metainfo=dict(classes=classes))


def test_file_that_is_not_there_or_no_json(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'lvis.json: no such annotation file'):
        LVISDataset('lvis.json', data_root=str(tmp_path))
    (tmp_path / 'lvis.json').write_text(json.dumps(tiny())[:-40])
    with pytest.raises(ValueError, match=r'lvis.json: invalid JSON \(Expecting'):
        LVISDataset('lvis.json', data_root=str(tmp_path))
    (tmp_path / 'lvis.json').write_bytes(b'\xff\xd8\xff')
    with pytest.raises(ValueError, match=r'lvis.json: invalid JSON'):
        LVISDataset('lvis.json', data_root=str(tmp_path))


def test_coco_files_that_lack_a_class_are_refused(tmp_path):
    """MMDetection numbers the categories of the file, whatever `classes` say."""
    content = tiny()
    content['categories'].pop(0)
    content['annotations'] = [a for a in content['annotations'] if a['category_id'] < 9]
    for image in content['images']:
        image['file_name'] = f'{image["id"]}.jpg'
    write_lvis(tmp_path / 'coco.json', content)
    classes = ('newt', 'ant', 'bee')
    path = str(tmp_path / 'coco.json')
    folder = dict(img='')
    dataset = CocoDataset(
        ann_file=path, data_prefix=folder, metainfo=dict(classes=classes)
    )

    with pytest.raises(ValueError, match=r"2 of the 3 classes.*add .*'categories'"):
        align_classes(dataset, classes, 'the validation set')
    last = (*(c['name'] for c in content['categories']), 'newt')
    dataset = CocoDataset(
        ann_file=path, data_prefix=folder, metainfo=dict(classes=last)
    )
    assert not align_classes(dataset, last)  # no label is shifted
