"""Distinct images and draws of an epoch under wrappers; values from files on disk."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS
from torch.utils.data import Subset

from mmgala.datasets import (
    CSVDataset,
    DigitsDataset,
    LongTailedDataset,
    count_classes,
    count_draws,
    dataset_labels,
)

COUNTS = dict(a0=100, a1=3, a2=60, a3=40, a4=30)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Empty files in five class folders: the labels do not need the pixels."""
    root = tmp_path_factory.mktemp('folders')
    for name, count in COUNTS.items():
        (root / name).mkdir()
        for index in range(count):
            (root / name / f'{index:04d}.png').touch()
    return dict(type='CustomDataset', data_root=str(root))


def build(config):
    init_default_scope('mmpretrain')
    return DATASETS.build(config)


def repeat(dataset, times):
    return dict(type='RepeatDataset', times=times, dataset=dataset)


def fold(dataset, **options):
    return dict(type='KFoldDataset', num_splits=5, dataset=dataset, **options)


def join(*datasets):
    return dict(type='ConcatDataset', datasets=list(datasets))


# Fold 0 of the sorted files leaves out the first 46, all of class a0.
FOLD = [54, 3, 60, 40, 30]
WRAPPED = {
    'plain': (lambda d: d, [100, 3, 60, 40, 30], [100, 3, 60, 40, 30]),
    'repeated': (
        lambda d: repeat(d, 15), [100, 3, 60, 40, 30], [1500, 45, 900, 600, 450],
    ),
    'balanced': (
        lambda d: dict(type='ClassBalancedDataset', oversample_thr=0.2, dataset=d),
        [100, 3, 60, 40, 30],
        [100, 12, 60, 80, 60],
    ),
    'fold': (fold, FOLD, FOLD),
    'repeated fold': (lambda d: repeat(fold(d), 100), FOLD, [100 * n for n in FOLD]),
    'two folds': (
        lambda d: join(fold(d), fold(d, fold=1)),
        [100, 3, 60, 40, 30],
        [54 + 53, 6, 120, 80, 60],
    ),
    'joined twice': (
        lambda d: join(d, d), [100, 3, 60, 40, 30], [200, 6, 120, 80, 60],
    ),
    'repeated indices': (
        lambda d: dict(d, indices=[0, 0, 1, 100, 100]), [2, 1, 0, 0, 0],
        [3, 2, 0, 0, 0],
    ),
}  # fmt: skip


@pytest.mark.parametrize('case', WRAPPED)
def test_images_and_draws(folder, case):
    wrap, images, draws = WRAPPED[case]
    dataset = build(wrap(folder))

    assert count_classes(dataset) == images
    assert count_draws(dataset) == draws
    assert np.bincount(dataset_labels(dataset), minlength=5).tolist() == draws


def test_the_same_file_by_another_path_is_a_copy(folder, monkeypatch):
    root = folder['data_root']
    monkeypatch.chdir(root)
    other = dict(folder, data_root='./../' + root.rpartition('/')[2])

    dataset = build(join(folder, other))

    assert count_classes(dataset) == [100, 3, 60, 40, 30]


def test_an_image_under_two_labels_counts_for_both_classes(folder, labelled):
    both = build(join(folder, folder))
    both.datasets = [labelled([0, 1]), labelled([1, 1])]  # 0.png and 1.png
    both.cumulative_sizes = [2, 4]

    assert count_classes(both, 2) == [1, 2]


def test_frames_of_one_file_are_images_of_their_own(tmp_path, labelled):
    """A file with many images has one path, and an entry that tells them apart."""

    class Frames(BaseDataset):
        def load_data_list(self):
            return [dict(img_path='all.h5', frame=i, gt_label=0) for i in range(4)]

    assert count_classes(Frames(ann_file=''), 1) == [4]
    assert count_classes(Frames(ann_file='', indices=[0, 1, 1]), 1) == [2]


DIGITS = dict(type='mmgala.DigitsDataset', split='train')
DIGIT_COUNTS = count_classes(DigitsDataset('train'))


@pytest.mark.parametrize(
    ('config', 'images', 'times'),
    [
        (join(DIGITS, DIGITS), DIGIT_COUNTS, 2),
        (join(DIGITS, dict(DIGITS, split='val')), [n + 25 for n in DIGIT_COUNTS], 1),
        (repeat(DIGITS, 3), DIGIT_COUNTS, 3),
    ],
    ids=['twice', 'two parts', 'repeated'],
)
def test_images_without_paths(config, images, times):
    dataset = build(config)

    assert count_classes(dataset) == images
    assert count_draws(dataset) == [times * n for n in images]


def test_pixels_that_are_equal_within_a_data_set_are_not_copies():
    """CIFAR has equal images; without wrappers, each of them counts."""

    class Grey(BaseDataset):
        METAINFO = dict(classes=('a', 'b'))

        def load_data_list(self):
            image = np.zeros((2, 2, 3), np.uint8)
            return [dict(img=image, gt_label=label) for label in (0, 0, 1)]

    assert count_classes(Grey(ann_file='')) == [2, 1]
    assert count_classes(Grey(ann_file='', indices=[0, 0, 2])) == [1, 1]
    twice = build(join(DIGITS, DIGITS))
    twice.datasets, twice.cumulative_sizes = [Grey(ann_file=''), Grey(ann_file='')], [3]
    assert count_classes(twice, 2) == [2, 1]


def test_our_data_sets_know_their_copies(tmp_path):
    rows = [f'{i}.png,{name}' for i, name in enumerate('aabb')]
    (tmp_path / 'list.csv').write_text('\n'.join(['path,label', *rows, '']))

    def table(**options):
        return CSVDataset('list.csv', str(tmp_path), check_images=False, **options)

    assert count_classes(table()) == [2, 2]
    assert count_classes(table(indices=[0, 0, 1, 2])) == [2, 1]
    assert count_classes(table(indices=3)) == [2, 1]
    assert count_classes(table().get_subset([3, 3, 0])) == [1, 1]
    assert count_draws(table().get_subset([3, 3, 0])) == [1, 2]
    assert count_classes(table(serialize_data=False, indices=[1, 1])) == [1, 0]


def test_subset_of_pytorch(folder):
    dataset = Subset(build(folder), [0, 0, 1, 100])

    assert count_classes(dataset, 5) == [2, 1, 0, 0, 0]
    assert count_draws(dataset, 5) == [3, 1, 0, 0, 0]


def test_long_tailed_subset_of_copies(folder):
    dataset = LongTailedDataset(build(repeat(folder, 2)), 1)  # as the rarest: 6

    assert count_draws(dataset) == [6] * 5
    distinct = count_classes(dataset)
    assert dataset.metainfo['class_counts'] == distinct
    assert distinct[1] == 3
    assert all(3 <= n <= 6 for n in distinct)
