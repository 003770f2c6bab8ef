"""CIFAR10-LT and CIFAR100-LT: published class counts, from full-size files."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from mmgala.datasets import ArrayDataset, LongTailedDataset
from mmgala.functional import shot_groups


@pytest.fixture(scope='module')
def cifar(tmp_path_factory):
    """Both training sets with the full number of images, of one pixel each."""
    sets = {}
    for num_classes in (10, 100):
        root = tmp_path_factory.mktemp(f'cifar{num_classes}')
        labels = np.repeat(np.arange(num_classes), 50_000 // num_classes)
        np.save(root / 'train_images.npy', np.zeros((50_000, 1, 1, 3), np.uint8))
        np.save(root / 'train_labels.npy', labels)
        names = (f'name{label}\n' for label in range(num_classes))
        (root / 'classes.txt').write_text(''.join(names))
        sets[f'cifar{num_classes}'] = ArrayDataset(str(root))
    return SimpleNamespace(**sets)


def recount(dataset):
    """Class counts, by the labels of the samples."""
    labels = [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]
    return np.bincount(labels).tolist()


@pytest.mark.parametrize(
    ('name', 'factor', 'recorded', 'images', 'groups'),
    [
        ('cifar10', 100, 'CIFAR-10-LT_IMBA100', 12406, (8, 2, 0)),
        ('cifar100', 100, 'CIFAR-100-LT_IMBA100', 10847, (35, 35, 30)),
        ('cifar100', 200, 'CIFAR-100-LT_IMBA200', 9502, (30, 31, 39)),
    ],
)
def test_counts_match_the_recorded_ones(
    cifar, shared_dir, name, factor, recorded, images, groups
):
    expected = json.loads((shared_dir / f'data/{recorded}.json').read_text())

    dataset = LongTailedDataset(getattr(cifar, name), factor)

    assert dataset.metainfo['class_counts'] == expected == recount(dataset)
    assert len(dataset) == images
    assert tuple(map(len, shot_groups(expected))) == groups


@pytest.mark.parametrize('factor', [10, 50, 100, 200])
@pytest.mark.parametrize('classes', [10, 100])
def test_other_profiles_follow_their_formulas(cifar, classes, factor):
    most, half = 50_000 // classes, classes // 2
    exp = [int(most * factor ** (-c / (classes - 1))) for c in range(classes)]
    step = [most] * half + [most // factor] * half

    for profile, expected in (('exp', exp), ('step', step)):
        dataset = LongTailedDataset(getattr(cifar, f'cifar{classes}'), factor, profile)
        assert dataset.metainfo['class_counts'] == expected
        labels = dataset.get_gt_labels()
        assert np.bincount(labels, minlength=classes).tolist() == expected
