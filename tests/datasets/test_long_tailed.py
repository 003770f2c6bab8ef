"""LongTailedDataset: class counts of the samples follow the formula."""

import hashlib
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset

from mmgala.datasets import DigitsDataset, LongTailedDataset

# Computed by hand from the formula.
COUNTS = {
    ('exp', 100): [100, 31, 10, 3, 1],
    ('exp', 10): [100, 56, 31, 17, 10],
    ('step', 100): [100, 100, 1, 1, 1],
    ('step', 40): [100, 100, 2, 2, 2],
    ('pareto', 40): [100, 20, 8, 4, 2],
    ('pareto', 50): [100, 18, 6, 3, 2],
}


def recount(dataset):
    """Class counts of the samples themselves, not those that the data set reports."""
    counts = Counter(dataset[i]['gt_label'] for i in range(len(dataset)))
    return [counts[c] for c in range(max(counts) + 1)]


def paths(dataset):
    return [dataset[i]['img_path'] for i in range(len(dataset))]


@pytest.mark.parametrize(('profile', 'factor'), COUNTS, ids=str)
def test_counts_follow_the_formula(balanced, profile, factor):
    dataset = LongTailedDataset(balanced(5, 100), factor, profile)

    assert recount(dataset) == COUNTS[profile, factor]
    assert dataset.metainfo['class_counts'] == COUNTS[profile, factor]


@pytest.mark.parametrize('max_count', [None, 60])
@pytest.mark.parametrize('factor', [1, 3.7, 50])
def test_digits_follow_the_formula_and_class_counts_is_a_recount(factor, max_count):
    digits = DigitsDataset('train')

    dataset = LongTailedDataset(digits, factor, max_count=max_count)

    counts = recount(dataset)
    assert counts == [int(counts[0] * factor ** (-c / 9)) for c in range(10)]
    assert dataset.metainfo['class_counts'] == counts
    assert dataset.get_gt_labels().tolist() == [
        dataset[i]['gt_label'] for i in range(len(dataset))
    ]
    if max_count is not None:
        assert counts[0] == max_count


def test_default_head_is_the_largest_that_all_classes_can_follow(labelled):
    # IF 4 over 3 classes: n, n/2, n/4. Class 1 has 10, so n is at most 21.
    data = labelled([0] * 50 + [1] * 10 + [2] * 9, num_classes=3)

    dataset = LongTailedDataset(data, 4)

    assert recount(dataset) == [21, 10, 5]


@pytest.mark.parametrize('profile', ['exp', 'step', 'pareto'])
def test_factor_1_of_equal_classes_keeps_every_sample_in_order(balanced, profile):
    data = balanced(3, 7)

    assert paths(LongTailedDataset(data, 1, profile)) == paths(data)


def test_factor_1_of_unequal_classes_balances_them(labelled):
    data = labelled([0] * 9 + [1] * 4 + [2] * 6, num_classes=3)

    assert recount(LongTailedDataset(data, 1)) == [4, 4, 4]


def test_samples_are_distinct_and_keep_their_order(balanced):
    data = balanced(5, 20)

    kept = [int(p.removesuffix('.png')) for p in paths(LongTailedDataset(data, 10))]

    assert kept == sorted(set(kept))


def test_left_out_samples_are_all_that_the_subset_does_not_take(balanced):
    kept = LongTailedDataset(balanced(5, 20), 10, seed=3)

    left_out = LongTailedDataset(balanced(5, 20), 10, seed=3, left_out=True)

    assert recount(kept) == [20, 11, 6, 3, 2]
    assert left_out.metainfo['class_counts'] == [0, 9, 14, 17, 18] == recount(left_out)
    assert not set(paths(kept)) & set(paths(left_out))
    assert set(paths(kept)) | set(paths(left_out)) == set(paths(balanced(5, 20)))


def test_subset_that_leaves_nothing_out(balanced):
    with pytest.raises(ValueError, match='takes all: increase imbalance_factor'):
        LongTailedDataset(balanced(3, 7), 1, left_out=True)


def test_same_seed_gives_the_same_subset(balanced):
    subsets = [paths(LongTailedDataset(balanced(5, 20), 10, seed=4)) for _ in range(2)]

    assert subsets[0] == subsets[1]


def test_another_seed_gives_another_subset(balanced):
    subsets = [paths(LongTailedDataset(balanced(5, 20), 10, seed=s)) for s in (0, 1)]

    assert subsets[0] != subsets[1]
    assert len(subsets[0]) == len(subsets[1])


def test_subset_does_not_depend_on_global_random_state(balanced):
    subsets = []
    for state in (0, 1):
        np.random.seed(state)
        subsets.append(paths(LongTailedDataset(balanced(5, 20), 10)))

    assert subsets[0] == subsets[1]


def digest():
    dataset = LongTailedDataset(DigitsDataset('train'), imbalance_factor=50, seed=7)
    pixels = b''.join(dataset[i]['img'].tobytes() for i in range(len(dataset)))
    return hashlib.sha256(pixels).hexdigest()


@pytest.mark.slow
def test_same_subset_in_another_process_with_another_hash_seed():
    command = f'from {__name__} import digest; print(digest())'
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
    result = subprocess.run(
        [sys.executable, '-c', command],
        cwd=root,
        env={**os.environ, 'PYTHONHASHSEED': '4242', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )

    assert result.stdout.split()[-1] == digest()


def test_over_concatenated_data_sets(balanced):
    data = ConcatDataset([balanced(2, 6), balanced(2, 4, data_prefix='more')])

    dataset = LongTailedDataset(data, 5)

    assert recount(dataset) == [10, 2] == dataset.metainfo['class_counts']


def test_over_a_repeated_data_set(labelled):
    data = RepeatDataset(labelled([0, 1, 0, 1], num_classes=2), times=5)

    dataset = LongTailedDataset(data, 10)

    assert recount(dataset) == [10, 1]
    assert dataset.metainfo['class_counts'] == [2, 1]  # images


def test_inside_a_repeated_data_set(image_folder):
    inner = dict(type='mmpretrain.CustomDataset', data_root=image_folder.data_root)
    long_tailed = dict(
        type='mmgala.LongTailedDataset', dataset=inner, imbalance_factor=4
    )

    assert recount(RepeatDataset(long_tailed, times=3)) == [24, 12, 6]


def test_over_a_folder_of_images_per_class(image_folder):
    dataset = LongTailedDataset(image_folder, 4, max_count=8)

    assert recount(dataset) == [8, 4, 2]
    assert dataset.metainfo['classes'] == ('ant', 'bee', 'cat')
    for i in range(len(dataset)):
        sample = dataset[i]
        name, file = sample['img_path'].split(os.sep)[-2:]
        assert name == ('ant', 'bee', 'cat')[sample['gt_label']]
        assert (sample['img'] == 10 * int(file.removesuffix('.png'))).all()


def test_built_from_a_config_with_the_registered_name(image_folder):
    inner = dict(type='mmpretrain.CustomDataset', data_root=image_folder.data_root)

    dataset = LongTailedDataset(inner, 4)

    assert dataset.metainfo['class_counts'] == [8, 4, 2]


def test_each_sample_has_its_own_annotation(balanced):
    dataset = LongTailedDataset(balanced(3, 10), 5)

    for i in range(len(dataset)):
        assert dataset.get_data_info(i)['img_path'] == dataset[i]['img_path']
        assert dataset.get_cat_ids(i) == [dataset[i]['gt_label']]


def test_lazy_init_loads_on_first_use(balanced):
    lazy = LongTailedDataset(balanced(5, 100, lazy_init=True), 100, lazy_init=True)

    assert 'class_counts' not in lazy.metainfo
    assert not lazy.dataset._fully_initialized
    lazy.full_init()
    assert lazy.metainfo['class_counts'] == [100, 31, 10, 3, 1] == recount(lazy)


def test_meta_information_is_a_copy(balanced):
    dataset = LongTailedDataset(balanced(2, 6), 3)

    dataset.metainfo['class_counts'][0] = 1000

    assert dataset.metainfo['class_counts'] == [6, 2]


@pytest.mark.parametrize('factor', [0.5, 0, -2, float('nan'), float('inf')])
def test_imbalance_factor_below_1_or_not_finite_is_refused(balanced, factor):
    with pytest.raises(ValueError, match=r'`imbalance_factor`.* to be 1 or more'):
        LongTailedDataset(balanced(2, 6), factor)


def test_unknown_profile_is_refused(balanced):
    with pytest.raises(ValueError, match=r"`profile` to be one of .*'linear'"):
        LongTailedDataset(balanced(2, 6), 2, profile='linear')


def test_factor_that_would_empty_a_class_names_class_and_limit(balanced):
    message = r'imbalance_factor=50 leaves class 1 \(name1\) .* below 20'
    with pytest.raises(ValueError, match=message):
        LongTailedDataset(balanced(2, 20), 50)


def test_class_without_samples_is_named(labelled):
    with pytest.raises(ValueError, match=r'class 1 \(name1\) has no samples'):
        LongTailedDataset(labelled([0, 0, 2], num_classes=3), 2)


def test_max_count_beyond_the_samples_is_refused(balanced):
    message = r'class 0 \(name0\) has 20 samples, but max_count=30 requires 30'
    with pytest.raises(ValueError, match=message):
        LongTailedDataset(balanced(3, 20), 2, max_count=30)


@pytest.mark.parametrize('max_count', [0, -3])
def test_max_count_below_1_is_refused(balanced, max_count):
    with pytest.raises(ValueError, match='`max_count` to be 1 or more'):
        LongTailedDataset(balanced(3, 20), 2, max_count=max_count)


def test_label_out_of_range_is_refused_with_its_path(labelled):
    with pytest.raises(ValueError, match=r'sample 2 of .* label 5 \(2\.png\)'):
        LongTailedDataset(labelled([0, 1, 5], num_classes=2), 1)
