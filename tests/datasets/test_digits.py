"""DigitsDataset against scikit-learn's own loader."""

from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mmgala.datasets import DigitsDataset

SPLITS = ('train', 'val', 'test')


def contents(dataset):
    """Each sample as (pixels, label); all 1,797 digits are different."""
    samples = (dataset[i] for i in range(len(dataset)))
    return Counter((s['img'].tobytes(), s['gt_label']) for s in samples)


@pytest.fixture(scope='module')
def sklearn_contents():
    digits = load_digits()
    grey = np.floor(digits.images * 255 / 16 + 0.5)  # no value is half-way
    images = np.stack([grey, grey, grey], axis=-1).astype(np.uint8)
    return Counter(
        (image.tobytes(), int(label))
        for image, label in zip(images, digits.target, strict=True)
    )


def test_splits_are_disjoint_and_cover_all_digits_of_sklearn(sklearn_contents):
    parts = [contents(DigitsDataset(split)) for split in SPLITS]

    assert sum(parts, Counter()) == sklearn_contents
    assert max(sklearn_contents.values()) == 1  # so equality implies disjoint


@pytest.mark.parametrize(
    ('split', 'per_class'), [('val', 25), ('test', 50)], ids=['val', 'test']
)
def test_held_out_parts_are_exactly_balanced(split, per_class):
    labels = DigitsDataset(split).get_gt_labels()

    assert np.bincount(labels).tolist() == [per_class] * 10


def test_training_part_has_the_rest_of_every_class():
    labels = DigitsDataset('train').get_gt_labels()

    expected = np.bincount(load_digits().target) - 75
    assert np.bincount(labels).tolist() == expected.tolist()
    assert (expected.min(), expected.max()) == (99, 108)


def test_other_sizes_of_the_held_out_parts():
    sizes = dict(val_per_class=3, test_per_class=7)

    lengths = [len(DigitsDataset(split, **sizes)) for split in SPLITS]

    assert lengths == [1797 - 100, 30, 70]


@pytest.mark.parametrize('split', SPLITS)
def test_same_seed_gives_the_same_part_in_the_same_order(split):
    first, second = DigitsDataset(split, seed=3), DigitsDataset(split, seed=3)

    assert [first[i]['img'].tobytes() for i in range(len(first))] == [
        second[i]['img'].tobytes() for i in range(len(second))
    ]


@pytest.mark.parametrize('split', SPLITS)
def test_another_seed_gives_another_part(split):
    parts = [contents(DigitsDataset(split, seed=seed)) for seed in (0, 1)]

    assert parts[0] != parts[1]


def test_images_are_three_equal_channels_of_8_by_8_bytes():
    image = DigitsDataset('val')[0]['img']

    assert (image.shape, image.dtype) == ((8, 8, 3), np.uint8)
    assert (image == image[..., :1]).all()


def test_unknown_split_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"one of \('train', 'val', 'test'\).*'dev'"):
        DigitsDataset('dev')


@pytest.mark.parametrize(('val', 'test'), [(100, 74), (174, 0), (-1, 50), (25, -1)])
def test_sizes_that_leave_no_training_images_are_refused(val, test):
    with pytest.raises(ValueError, match='leave training images of every digit'):
        DigitsDataset(val_per_class=val, test_per_class=test)


def test_largest_held_out_parts_leave_one_training_image_of_the_rarest_digit():
    labels = DigitsDataset('train', val_per_class=100, test_per_class=73)

    assert np.bincount(labels.get_gt_labels()).min() == 1
