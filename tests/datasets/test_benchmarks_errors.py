"""One-line errors for invalid ImageNet-LT, Places-LT and iNaturalist 2018 files."""

import re

import pytest

from mmgala.datasets import ImageNetLT, INaturalist2018, PlacesLT
from tests.datasets.benchmark_miniatures import (
    COUNTS,
    KINDS,
    imagenet_path,
    inaturalist_path,
    miniature,
    places_path,
    rows,
)


@pytest.mark.parametrize('cls', [ImageNetLT, PlacesLT, INaturalist2018])
def test_unknown_split_is_refused_with_the_available_ones(cls):
    splits = "'train', 'val'" if cls is INaturalist2018 else "'train', 'val', 'test'"
    message = f"Expected `split` of {cls.__name__} to be one of ({splits}), but got 'x'"
    with pytest.raises(ValueError, match=re.escape(message)):
        cls('somewhere', 'x')


@pytest.mark.parametrize(
    ('cls', 'name', 'file'),
    [
        (ImageNetLT, 'imagenet-lt', 'ImageNet_LT_val.txt'),
        (PlacesLT, 'places-lt', 'Places_LT_val.txt'),
        (INaturalist2018, 'inaturalist2018', 'val2018.json'),
    ],
)
def test_error_for_missing_annotations_says_how_to_get_them(tmp_path, cls, name, file):
    message = (
        f'{tmp_path}/{file}: no such annotation file. Check `data_root`; `'
        f'mmgala prepare {name} --root {tmp_path} --check`'
    )
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        cls(str(tmp_path), 'val')


@pytest.mark.parametrize(
    ('kind', 'file', 'origin'),
    [
        ('ImageNetLT', 'ImageNet_LT_train.txt', ':6'),
        ('PlacesLT', 'Places_LT_train.txt', ':6'),
        ('list', 'iNaturalist18_train.txt', ':6'),
        ('JSON', 'train2018.json', ', image id 105'),
    ],
)
def test_missing_images_are_counted_and_the_first_is_named(
    tmp_path, kind, file, origin
):
    cls, _, kwargs, _ = miniature(tmp_path, kind)
    root = tmp_path / kind
    path_of = dict(ImageNetLT=imagenet_path, PlacesLT=places_path)
    paths = [p for p, _ in rows(path_of.get(kind, inaturalist_path), 'train')]
    for path in paths[5:]:
        (root / path).unlink()

    message = (
        f'2 of 7 images are missing in {root}, first {paths[5]} '
        f'({root}/{file}{origin}). Check `data_root`; `mmgala prepare '
    )
    with pytest.raises(FileNotFoundError, match=re.escape(message)) as info:
        cls(**kwargs)
    assert '\n' not in str(info.value)
    assert len(cls(check_images=False, **kwargs)) == 7
    assert len(cls(split='val', **kwargs)) == 3


def test_wrong_image_root(tmp_path):
    cls, _, kwargs, _ = miniature(tmp_path, 'PlacesLT')

    with pytest.raises(FileNotFoundError, match='none/*: no such image folder'):
        cls(data_prefix='none', **kwargs)


@pytest.mark.parametrize('kind', KINDS)
def test_class_without_training_images_is_named(tmp_path, kind):
    cls, splits, kwargs, classes = miniature(tmp_path, kind)
    more = dict(kwargs, classes=[*classes, 'rare', 'rarest'])

    with pytest.raises(
        ValueError,
        match=r'(_train\.txt|train2018\.json): class 3 \(rare\) has no training images'
        r'.*2 of 5 classes',
    ):
        cls(**more)
    for split in splits[1:]:
        assert cls(split=split, **more).metainfo['class_counts'] == [*COUNTS, 0, 0]


@pytest.mark.parametrize('kind', ['ImageNetLT', 'PlacesLT', 'list'])
def test_label_beyond_the_classes_is_named_by_line(tmp_path, kind):
    cls, _, kwargs, classes = miniature(tmp_path, kind)

    message = r'_train\.txt:7: the label 2 is not below the number of classes, 2'
    for split in ('train', 'val'):  # the validation set gets its counts from it
        with pytest.raises(ValueError, match=message):
            cls(split=split, **dict(kwargs, classes=classes[:2]))


def test_label_beyond_the_official_classes(tmp_path):
    (tmp_path / 'Places_LT_val.txt').write_text(
        'train/a/1.jpg 364\ntrain/a/2.jpg 365\n'
    )

    with pytest.raises(ValueError, match=r':2: the label 365 is not below .* 365'):
        PlacesLT(str(tmp_path), 'val', check_images=False)


def test_label_beyond_the_classes_of_the_training_json(tmp_path):
    cls, _, kwargs, _ = miniature(tmp_path, 'JSON')
    root = tmp_path / 'JSON'
    (root / 'val2018.json').unlink()
    (root / 'iNaturalist18_val.txt').write_text('train_val2018/Aves/3/1.jpg 3\n')

    with pytest.raises(ValueError, match=r'_val\.txt:1: the label 3 is not below .* 3'):
        cls(split='val', **kwargs)
