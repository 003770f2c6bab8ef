"""ImageNet-LT, Places-LT and iNaturalist 2018, as miniatures."""

import pytest
from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

from mmgala.datasets import (
    ImageNetLT,
    INaturalist2018,
    PlacesLT,
    official_class_counts,
)
from mmgala.registry import DATASETS
from tests.datasets.benchmark_miniatures import (
    COUNTS,
    KINDS,
    SPLITS,
    inaturalist_path,
    miniature,
    places_path,
    rows,
    write_json,
    write_lists,
)

LOG = 'mmgala.datasets.benchmarks.print_log'


@pytest.mark.parametrize('kind', KINDS)
def test_each_split_has_its_images_and_the_training_counts(tmp_path, kind):
    cls, splits, kwargs, classes = miniature(tmp_path, kind)

    for split in splits:
        dataset = cls(split=split, pipeline=[dict(type='LoadImageFromFile')], **kwargs)
        samples = [dataset[i] for i in range(len(dataset))]
        assert [s['gt_label'] for s in samples] == SPLITS[split]
        assert [s['img'].max() // 50 for s in samples] == SPLITS[split]
        assert dataset.get_gt_labels().tolist() == SPLITS[split]
        assert dataset.metainfo['class_counts'] == COUNTS
        assert tuple(dataset.metainfo['classes']) == classes


@pytest.mark.parametrize('name', ['ImageNetLT', 'PlacesLT', 'INaturalist2018'])
def test_registered_by_name(tmp_path, name):
    kind = 'JSON' if name == 'INaturalist2018' else name
    _, _, kwargs, _ = miniature(tmp_path, kind)

    dataset = DATASETS.build(dict(type=f'mmgala.{name}', split='val', **kwargs))

    assert len(dataset) == 3


@pytest.fixture
def logged(monkeypatch):
    messages = []
    monkeypatch.setattr(LOG, lambda message, **_: messages.append(message))
    return messages


@pytest.mark.parametrize(
    ('cls', 'name', 'path'),
    [
        (ImageNetLT, 'imagenet-lt', 'ImageNet_LT_test.txt'),
        (PlacesLT, 'places-lt', 'Places_LT_test.txt'),
        (INaturalist2018, 'inaturalist2018', 'iNaturalist18_val.txt'),
    ],
)
def test_official_counts_without_a_training_list(tmp_path, logged, cls, name, path):
    (tmp_path / path).write_text('train/a/1.jpg 0\ntrain/b/2.jpg 364\n')
    split = path.split('_')[-1].removesuffix('.txt')

    dataset = cls(str(tmp_path), split, check_images=False)

    assert dataset.metainfo['class_counts'] == official_class_counts(name)
    assert len(dataset.metainfo['classes']) == len(official_class_counts(name))
    (message,) = logged
    assert f'no training annotations in {tmp_path}' in message
    assert 'official' in message


def test_places_without_images_are_numbered(tmp_path):
    content = 'train/b/c/1.jpg 2\n1.jpg 3\ntrain/a/1.jpg 0\n'
    (tmp_path / 'Places_LT_val.txt').write_text(content)

    classes = PlacesLT(str(tmp_path), 'val', check_images=False).CLASSES

    assert classes[:5] == ('a', '1', 'b/c', '3', '4')


def test_counts_are_unknown_for_unofficial_classes(tmp_path, logged):
    (tmp_path / 'Places_LT_val.txt').write_text('train/a/1.jpg 0\n')

    dataset = PlacesLT(str(tmp_path), 'val', classes=['a', 'b'], check_images=False)

    assert 'class_counts' not in dataset.metainfo
    (message,) = logged
    assert '2 classes instead of the official 365' in message
    assert 'class_counts are unknown' in message


def test_nothing_is_logged_if_counts_come_from_a_training_list(tmp_path, logged):
    cls, splits, kwargs, _ = miniature(tmp_path, 'PlacesLT')
    for split in splits:
        cls(split=split, **kwargs)

    assert logged == []


def test_imagenet_classes_equal_those_of_mmpretrain(tmp_path):
    lines = (f'train/n/{c}.JPEG {c}\n' for c in range(1000))
    (tmp_path / 'ImageNet_LT_train.txt').write_text(''.join(lines))

    dataset = ImageNetLT(str(tmp_path), check_images=False)

    assert dataset.metainfo['classes'] == IMAGENET_CATEGORIES
    assert dataset.metainfo['class_counts'] == [1] * 1000


def test_given_list_file_takes_precedence(tmp_path):
    cls, _, kwargs, _ = miniature(tmp_path, 'PlacesLT')
    inside = tmp_path / 'PlacesLT' / 'half.txt'
    inside.write_text('train/airfield/train0.jpg 0\n')

    for ann_file in ('half.txt', str(inside)):
        dataset = cls(split='val', ann_file=ann_file, **kwargs)
        assert dataset.get_gt_labels().tolist() == [0]
        assert dataset.metainfo['class_counts'] == COUNTS


def test_training_counts_are_those_of_the_given_training_list(tmp_path):
    cls, _, kwargs, _ = miniature(tmp_path, 'PlacesLT')
    lines = [f'{path} {label}' for path, label in rows(places_path, 'train')][2:]
    (tmp_path / 'PlacesLT' / 'less.txt').write_text('\n'.join(lines))

    assert cls(ann_file='less.txt', **kwargs).metainfo['class_counts'] == [2, 2, 1]


def test_inaturalist_prefers_json_if_both_forms_exist(tmp_path):
    cls, splits, kwargs, names = miniature(tmp_path, 'JSON')
    root = tmp_path / 'JSON'
    for split in splits:
        (root / f'iNaturalist18_{split}.txt').write_text('no list')

    assert [len(cls(split=split, **kwargs)) for split in splits] == [7, 3]


def test_inaturalist_list_takes_the_classes_of_the_training_json(tmp_path):
    cls, _, kwargs, names = miniature(tmp_path, 'JSON')
    root = tmp_path / 'JSON'
    (root / 'val2018.json').unlink()
    write_lists(root, inaturalist_path, dict(val='iNaturalist18_val.txt'))

    dataset = cls(split='val', **kwargs)

    assert dataset.metainfo['classes'] == names
    assert dataset.metainfo['class_counts'] == COUNTS


def test_inaturalist_without_categories_has_numbered_classes(tmp_path):
    write_json(tmp_path, inaturalist_path, ['val'], categories=False)

    classes = INaturalist2018(str(tmp_path), 'val', check_images=False).CLASSES

    assert classes == tuple(map(str, range(8142)))


def test_images_may_be_in_another_folder(tmp_path):
    cls, _, kwargs, _ = miniature(tmp_path, 'PlacesLT')
    root = tmp_path / 'PlacesLT'
    (root / 'images').mkdir()
    (root / 'train').rename(root / 'images/train')

    dataset = cls(data_prefix='images', **kwargs)

    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    assert paths[0] == f'{root}/images/train/airfield/train0.jpg'


def test_home_folder_is_expanded(tmp_path, monkeypatch):
    cls, _, kwargs, _ = miniature(tmp_path, 'PlacesLT')
    monkeypatch.setenv('HOME', str(tmp_path))

    dataset = cls(**dict(kwargs, data_root='~/PlacesLT'))

    assert dataset.get_data_info(0)['img_path'].startswith(f'{tmp_path}/PlacesLT/train')
