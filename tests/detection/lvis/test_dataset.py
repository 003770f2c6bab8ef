"""LVISDataset: what MMDetection's gives, for any classes, and every bad file."""

import cv2
import numpy as np
import pytest
from mmdet.datasets import LVISV1Dataset
from mmdet.utils import register_all_modules
from mmengine.config import Config
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset

from mmgala.datasets import align_classes
from mmgala.datasets.labels import instance_labels
from mmgala.detection.lvis.dataset import LVISDataset
from mmgala.registry import DATASETS
from tests.detection.lvis.tiny_lvis import tiny
from tests.detection.lvis_files import HEIGHT, WIDTH, random_lvis, write_lvis

FILTER = dict(filter_empty_gt=True, min_size=32)


@pytest.fixture
def messages(monkeypatch):
    """What the data set logs."""
    found = []
    monkeypatch.setattr(
        'mmgala.detection.lvis.dataset.print_log', lambda m, **_: found.append(m)
    )
    return found


def test_labels_are_in_order_of_the_ids(tiny_set):
    dataset = tiny_set(data_prefix=dict(img=''))

    assert dataset.metainfo['classes'] == ('ant', 'bee', 'newt')
    assert dataset.metainfo['frequency'] == ['f', 'c', 'r']
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['img_id'] for info in infos] == [10, 20, 30, 40]
    assert [dataset.get_cat_ids(i) for i in range(4)] == [[2], [1, 0, 1], [], [0]]
    assert [info['neg_category_ids'] for info in infos] == [[7], [], [], []]
    assert [i['not_exhaustive_category_ids'] for i in infos] == [[], [3], [], []]
    assert infos[0]['img_path'].endswith('/val2017/10.jpg')
    assert infos[0]['instances'][0]['bbox'] == [30, 40, 50, 60]


@pytest.mark.parametrize(
    ('arguments', 'length', 'counts'),
    [
        ({}, 4, [2, 2, 1]),
        (dict(filter_cfg=FILTER), 2, [1, 2, 1]),
        (dict(filter_cfg=FILTER, indices=1), 1, [1, 2, 1]),
        (dict(filter_cfg=FILTER, serialize_data=False), 2, [1, 2, 1]),
        (dict(filter_cfg=FILTER, test_mode=True), 4, None),
        (dict(indices=[1, 3]), 2, [2, 2, 1]),
    ],
)
def test_filters_indices_and_counts(tiny_set, arguments, length, counts):
    dataset = tiny_set(**arguments)

    assert len(dataset) == length
    assert dataset.metainfo.get('class_counts') == counts


def test_crowds_are_not_counted(tiny_set):
    def change(content):
        content['annotations'][0]['iscrowd'] = 1

    dataset = tiny_set(change)

    assert dataset.metainfo['class_counts'] == [2, 1, 1]
    assert [i['ignore_flag'] for i in dataset[1]['instances']] == [1, 0, 0]


@pytest.mark.parametrize(
    'arguments', [{}, dict(filter_cfg=FILTER), dict(test_mode=True)]
)
def test_samples_are_those_of_mmdetection(tmp_path, arguments):
    content = random_lvis(0, num_images=30)
    # MMDetection takes labels in the order of the file.
    content['categories'].sort(key=lambda category: category['id'])
    content['images'].sort(key=lambda image: image['id'])
    names = [category['name'] for category in content['categories']]
    arguments = dict(
        ann_file=write_lvis(tmp_path / 'lvis.json', content),
        data_prefix=dict(img='images/'),
        **arguments,
    )

    dataset = LVISDataset(**arguments)

    reference = LVISV1Dataset(metainfo=dict(classes=names), **arguments)
    annotated = {annotation['image_id'] for annotation in content['annotations']}
    assert len(annotated) < 30
    expected = len(annotated) if 'filter_cfg' in arguments else 30
    assert len(dataset) == len(reference) == expected
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        assert reference.get_data_info(i).items() <= info.items()
        assert dataset.get_cat_ids(i) == reference.get_cat_ids(i)


def test_official_classes(tmp_path):
    names = LVISV1Dataset.METAINFO['classes']
    categories = [
        dict(id=i, name=name, frequency='r') for i, name in enumerate(names, start=1)
    ]
    content = dict(tiny(), categories=categories[::-1])

    path = write_lvis(tmp_path / 'lvis.json', content)

    classes = LVISDataset(path).metainfo['classes']
    assert classes == names
    assert len(classes) == 1203


def test_other_names_for_the_classes(tiny_set):
    dataset = tiny_set(metainfo=dict(classes=['Ameise', 'Biene', 'Molch']))

    assert dataset.metainfo['classes'] == ('Ameise', 'Biene', 'Molch')


def test_file_name_where_there_is_no_url_of_coco(tiny_set, tmp_path):
    def change(content):
        content['images'][0].update(coco_url='http://x.org/a.jpg', file_name='b/20.jpg')
        content['images'][1]['file_name'] = 'not/this.jpg'
        content['images'][2].update(file_name='40.png')
        del content['images'][2]['coco_url']

    dataset = tiny_set(change, data_prefix=dict(img='images'))

    paths = [dataset.get_data_info(i)['img_path'] for i in range(4)]
    names = ['val2017/10.jpg', 'b/20.jpg', 'val2017/30.jpg', '40.png']
    assert paths == [f'{tmp_path}/images/{name}' for name in names]


def test_in_the_wrappers_of_mmengine(tiny_set):
    dataset = tiny_set(filter_cfg=FILTER)
    other = tiny_set()

    # Frequencies of the images: 1/2 for each class; repeated sqrt(1 / 0.5) times.
    balanced = ClassBalancedDataset(dataset, oversample_thr=1.0)
    assert len(balanced) == 4
    assert balanced.get_cat_ids(3) == [1, 0, 1]
    repeated = RepeatDataset(dataset, times=3)
    assert len(repeated) == 6
    assert repeated.metainfo['class_counts'] == [1, 2, 1]
    joined = ConcatDataset([dataset, other], ignore_keys=['class_counts'])
    assert len(joined) == 6
    assert joined.get_data_info(2)['img_id'] == 10
    assert joined.metainfo['frequency'] == ['f', 'c', 'r']


def test_dataloaders_of_mmdetections_config(tmp_path, repository):
    """With its pipelines and repeat-factor sampling; only the type changes."""
    register_all_modules()
    content = random_lvis(1, num_images=4)
    images = tmp_path / 'train2017'
    images.mkdir()
    for image in content['images']:
        cv2.imwrite(
            str(images / f'{image["id"]:012}.jpg'),
            np.random.randint(0, 256, (HEIGHT, WIDTH, 3), np.uint8),
        )
    write_lvis(tmp_path / 'lvis.json', content)
    config = Config.fromstring(
        "_base_ = 'mmdet::_base_/datasets/lvis_v1_instance.py'", '.py'
    )
    own = dict(type='mmgala.LVISDataset', data_root=str(tmp_path), ann_file='lvis.json')
    train, val = config.train_dataloader.dataset, config.val_dataloader.dataset
    train.dataset.update(own)
    val.update(own)

    sample = DATASETS.build(train)[0]
    tested = DATASETS.build(val)[0]

    instances = sample['data_samples'].gt_instances
    assert len(instances.labels) == len(instances.masks) == len(instances.bboxes) > 0
    assert min(sample['inputs'].shape[1:]) >= 640
    assert tested['data_samples'].img_id == min(i['id'] for i in content['images'])


@pytest.mark.parametrize(
    ('without', 'expected'),
    [
        ([3, 7], '2 of 3 classes have no training instances: ant, bee.'),
        ([], None),
    ],
)
def test_warning_of_classes_without_annotations(tiny_set, messages, without, expected):
    def change(content):
        content['annotations'] = [
            a for a in content['annotations'] if a['category_id'] not in without
        ]

    tiny_set(change)

    assert [m.split('json: ')[1] for m in messages] == ([expected] if expected else [])
    messages.clear()
    tiny_set(change, test_mode=True)
    assert not messages


def test_warning_names_the_first_of_many(tiny_set, messages):
    def change(content):
        content['categories'] += [
            dict(id=2000 + i, name=f'n{i}', frequency='r') for i in range(9)
        ]

    tiny_set(change)

    assert len(messages) == 1
    assert messages[0].endswith(
        '9 of 12 classes have no training instances: n0, n1, n2, n3, n4, ...'
    )


def test_classes_of_other_data_give_the_labels_by_name(tiny_set):
    """In another order, and with one that the file lacks."""
    dataset = tiny_set(metainfo=dict(classes=['newt', 'cat', 'bee', 'ant']))

    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    labels = [[i['bbox_label'] for i in info['instances']] for info in infos]
    assert labels == [[0], [2, 3, 2], [], [3]]
    assert dataset.metainfo['class_counts'] == [1, 0, 2, 2]
    assert dataset.metainfo['frequency'] == ['r', None, 'c', 'f']


def test_alignment_relabels_the_instances(tiny_set):
    dataset = tiny_set(test_mode=True)

    align_classes(dataset, ['newt', 'cat', 'bee', 'ant'])

    assert [labels.tolist() for labels in instance_labels(dataset)] == [
        [0], [2, 3, 2], [], [3]]  # fmt: skip
    assert dataset.cat2label == {1000: 0, 7: 2, 3: 3}
    assert dataset.cat_ids == [1000, 7, 3]


def test_categories_without_annotations_need_no_class(tiny_set):
    def without_newts(content):
        content['annotations'] = [
            a for a in content['annotations'] if a['category_id'] != 1000
        ]

    assert tiny_set(without_newts, metainfo=dict(classes=['ant', 'bee'])).cat_ids == [
        3,
        7,
    ]
