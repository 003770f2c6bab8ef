"""Labels of COCO files mean the classes by name; MMDetection counts positions."""

import json

import mmengine
import pytest
from mmdet.datasets import CocoDataset

from mmgala.datasets import align_classes

CLASSES = ('cat', 'dog', 'hen')
BOX = dict(bbox=[1, 1, 9, 9], area=81)


def coco(folder, names, step=1):
    """A data set with one instance of each category; ids grow in steps."""
    content = dict(
        images=[dict(id=1, file_name='1.jpg', width=40, height=40)],
        categories=[dict(id=10 + step * i, name=name) for i, name in enumerate(names)],
        annotations=[
            dict(id=i, image_id=1, category_id=10 + step * i, iscrowd=0, **BOX)
            for i in range(len(names))
        ],
    )
    path = folder / 'coco.json'
    path.write_text(json.dumps(content))
    return CocoDataset(
        ann_file=str(path), pipeline=[], metainfo=dict(classes=CLASSES),
        data_prefix=dict(img=''), test_mode=True,
    )  # fmt: skip


def test_categories_in_the_order_of_the_classes(tmp_path):
    dataset = coco(tmp_path, CLASSES)

    align_classes(dataset, CLASSES, 'the validation set')

    labels = [i['bbox_label'] for i in dataset.get_data_info(0)['instances']]
    assert labels == [0, 1, 2]


def test_the_last_classes_may_be_missing(tmp_path):
    align_classes(coco(tmp_path, CLASSES[:2]), CLASSES, 'the validation set')


@pytest.mark.parametrize(
    ('names', 'remedy'),
    [
        (('dog', 'cat', 'hen'), "put 'categories' in the order of `classes`"),
        (('dog', 'hen'), "add the missing classes to 'categories'"),
    ],
)
def test_categories_that_would_get_other_labels_are_refused(tmp_path, names, remedy):
    dataset = coco(tmp_path, names)
    labels = [i['bbox_label'] for i in dataset.get_data_info(0)['instances']]
    assert labels != [CLASSES.index(name) for name in names]  # MMDetection's

    with pytest.raises(ValueError, match=remedy) as error:
        align_classes(dataset, CLASSES, 'the validation set')
    assert 'dog, ' in str(error.value)


@pytest.mark.parametrize(('step', 'times'), [(1, 0), (-1, 1)])
def test_a_large_published_file_is_read_again_only_if_it_is_reordered(
    tmp_path, monkeypatch, step, times
):
    monkeypatch.setattr(CocoDataset, 'METAINFO', dict(classes=CLASSES))
    dataset = coco(tmp_path, CLASSES, step)
    read = []

    def load(path, **_):
        read.append(path)
        return mmengine.load(path)

    monkeypatch.setattr('mmgala.datasets.coco_categories.load', load)
    align_classes(dataset, CLASSES, 'the validation set')

    assert len(read) == times
