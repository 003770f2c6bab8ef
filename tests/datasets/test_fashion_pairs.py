"""FashionPairs on files whose images encode their position and kind."""

from collections import Counter

import numpy as np
import pytest
import torch
from mmpretrain.datasets import FashionMNIST

from mmgala.datasets import FashionPairs, LongTailedDataset, count_classes
from tests.preparation.tiny_fashion_mnist import tiny_fashion_mnist, write_idx

SPLITS = ('train', 'val', 'test')
FILES = {'train': 'train', 'val': 'train', 'test': 't10k'}
KINDS = FashionMNIST.METAINFO['classes']
NUM_IMAGES = {'train': 900, 't10k': 200}
# Items that each split may use: the last sixth of 900 is for validation.
RANGES = {'train': range(750), 'val': range(750, 900), 'test': range(200)}


def numbered_items(count, seed):
    """Labels, and images that encode file, position and label in their first pixels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10)
    images = rng.integers(0, 256, (count, 28, 28))
    images[:, 0, :4] = np.stack(
        [np.full(count, seed), *divmod(np.arange(count), 256), labels], axis=1
    )
    return images, labels


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('numbered')
    for seed, (file, count) in enumerate(NUM_IMAGES.items()):
        images, labels = numbered_items(count, seed)
        write_idx(folder / f'{file}-images-idx3-ubyte', images)
        write_idx(folder / f'{file}-labels-idx1-ubyte', labels)
    return str(folder)


def items(dataset, start=0, stop=None):
    """File, position and kind of both items of each sample, ``(N, 2, 3)``."""
    images = [dataset[i]['img'] for i in range(len(dataset))[start:stop]]
    halves = np.stack([np.stack([x[:, :28], x[:, 28:]]) for x in images]).astype(int)
    file, high, low, kind = np.moveaxis(halves[:, :, 0, :4], -1, 0)
    return np.stack([file, 256 * high + low, kind], axis=-1)


def kinds_by_name(dataset):
    """Kinds of both items of each class, by its name; ``(C, 2)``."""
    names = [name.split(' + ') for name in dataset.metainfo['classes']]
    return np.array([[KINDS.index(kind) for kind in pair] for pair in names])


@pytest.mark.parametrize('split', SPLITS)
def test_both_halves_are_from_the_split_and_of_the_kinds_in_the_class_name(root, split):
    dataset = FashionPairs(root, split, pairs_per_class=15)
    images, _ = numbered_items(NUM_IMAGES[FILES[split]], SPLITS.index(split) // 2)
    found = items(dataset)
    places = found[..., 1]

    # The other pixels are neither lost nor mirrored, either.
    for i in range(0, len(dataset), 97):
        sample = dataset[i]
        assert (sample['img'].shape, sample['img'].dtype) == ((28, 56), np.uint8)
        left, right = places[i]
        np.testing.assert_array_equal(
            sample['img'], np.concatenate([images[left], images[right]], axis=1)
        )
        assert sample['gt_label'] == dataset.get_gt_labels()[i]
    assert set(found[..., 0].ravel()) == {list(NUM_IMAGES).index(FILES[split])}
    assert set(places.ravel()) <= set(RANGES[split])
    kinds = kinds_by_name(dataset)
    np.testing.assert_array_equal(found[..., 2], kinds[dataset.get_gt_labels()])


def test_sizes_of_the_splits_by_default(root):
    counts = {split: count_classes(FashionPairs(root, split)) for split in SPLITS}

    assert counts == {'train': [500] * 100, 'val': [25] * 100, 'test': [50] * 100}


def test_every_ordered_pair_is_a_class_in_random_order(root):
    codes = [
        (kinds_by_name(FashionPairs(root, class_seed=seed, lazy_init=True)) @ [10, 1])
        for seed in (0, 0, 1)
    ]

    assert sorted(codes[0]) == list(range(100))
    assert codes[0].tolist() == codes[1].tolist() != codes[2].tolist()
    # For independent orders, 5 standard deviations of 1 / sqrt(99).
    for first, second in ((codes[0], range(100)), (codes[0], codes[2])):
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


def test_order_of_the_classes_for_seed_0_is_recorded(root):
    """Labels do not depend on the machine or NumPy's version."""
    classes = FashionPairs(root, lazy_init=True).metainfo['classes']

    assert classes[:2] == ('Bag + Pullover', 'Dress + Shirt')
    assert classes[99] == 'Ankle boot + Sandal'


@pytest.mark.parametrize('split', SPLITS)
def test_an_item_is_repeated_only_after_all_of_its_kind(root, split):
    number = len(RANGES[split]) // 10  # roughly the items of a kind
    dataset = FashionPairs(root, split, pairs_per_class=3 * number, num_classes=25)
    places = items(dataset)[..., 1].reshape(25, 3 * number, 2)

    for (left, right), pairs in zip(kinds_by_name(dataset), places, strict=True):
        uses = [Counter(side.tolist()) for side in pairs.T]
        for side in uses:
            assert max(side.values()) - min(side.values()) <= 1
        assert (pairs[:, 0] != pairs[:, 1]).all()
        if left == right:  # half of the items on one side, half on the other
            first = pairs[: number // 3].ravel()
            assert len(set(first.tolist())) == len(first)


def test_items_are_paired_at_random(root):
    """No order within the file; other items and partners in another class."""
    dataset = FashionPairs(root, 'train', pairs_per_class=30)
    places = items(dataset)[..., 1].reshape(100, 30, 2)

    for side in (0, 1):
        steps = np.diff(places[:, :, side], axis=1)
        assert 0.4 < (steps > 0).mean() < 0.6
        # Ten classes take 30 of 75 each, so all but 0.6 % should be in one of them.
        assert len(np.unique(places[:, :, side])) > 0.95 * 750
    met = Counter(tuple(sorted(pair)) for pair in places.reshape(-1, 2).tolist())
    # The two orders of a pair of kinds share 30 * 30 / (75 * 75) pairs of items on
    # average: about 7 are expected over all 45 pairs of kinds, hardly ever 30.
    assert sum(count - 1 for count in met.values()) < 30


OTHER = [
    dict(num_classes=7),
    dict(pairs_per_class=3),
    dict(class_seed=3),
    dict(num_classes=40, pairs_per_class=40, class_seed=5),
]


@pytest.mark.parametrize('other', OTHER, ids=str)
def test_pairs_of_a_class_depend_only_on_split_and_seed(root, other):
    def pairs_by_name(**kwargs):
        dataset = FashionPairs(root, 'val', seed=2, **kwargs)
        places = items(dataset)[..., 1]
        labels = dataset.get_gt_labels()
        return {
            name: places[labels == c].tolist()
            for c, name in enumerate(dataset.metainfo['classes'])
        }

    usual = pairs_by_name(pairs_per_class=8)
    for name, pairs in pairs_by_name(**{'pairs_per_class': 8, **other}).items():
        both = min(len(pairs), 8)
        assert pairs[:both] == usual[name][:both]


def test_fewer_classes_are_the_first_ones(root):
    few, all_of_them = (FashionPairs(root, 'test', num_classes=n) for n in (7, 100))

    assert few.metainfo['classes'] == all_of_them.metainfo['classes'][:7]
    assert count_classes(few) == [50] * 7


@pytest.mark.parametrize('split', SPLITS)
def test_pairs_depend_on_the_seed(root, split):
    built = [
        items(FashionPairs(root, split, pairs_per_class=3, seed=seed))
        for seed in (4, 4, 5)
    ]

    np.testing.assert_array_equal(built[0], built[1])
    assert (built[0] != built[2]).any(axis=(1, 2)).mean() > 0.9


def test_long_tail_of_500_to_5_training_pairs(root):
    dataset = LongTailedDataset(FashionPairs(root), imbalance_factor=100)

    # 500 * 100 ** (-c / 99), rounded down: as many as CIFAR100-LT, which is published.
    counts = dataset.metainfo['class_counts']
    assert counts == np.bincount(dataset.get_gt_labels()).tolist()
    assert (sum(counts), counts[0], counts[-1]) == (10847, 500, 5)
    assert counts == sorted(counts, reverse=True)
    kinds = kinds_by_name(dataset)[dataset.get_gt_labels()[-200:]]
    np.testing.assert_array_equal(items(dataset, -200)[..., 2], kinds)


def test_custom_pipeline_and_class_names(root):
    names = [f'class {c}' for c in range(12)]
    dataset = FashionPairs(
        root,
        'val',
        num_classes=12,
        classes=names,
        pipeline=[dict(type='mmpretrain.PackInputs')],
    )

    packed = dataset[30]
    assert packed['inputs'].shape == (1, 28, 56)
    assert packed['inputs'].dtype == torch.uint8
    assert packed['data_samples'].gt_label.tolist() == [1]
    assert dataset.metainfo['classes'] == tuple(names)
    assert 'val (seed 0)' in repr(dataset)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(split='dev'), r"one of \('train', 'val', 'test'\), but got 'dev'\.$"),
        (dict(pairs_per_class=0), r'`pairs_per_class` .* at least 1, but got 0\.$'),
        (dict(pairs_per_class=2.5), r'integer .* at least 1, but got 2\.5\.$'),
        (dict(num_classes=101), r'`num_classes` .* from 2 to 100, but got 101\.$'),
        (dict(num_classes=1), r'from 2 to 100, but got 1\.$'),
        (dict(seed=-1), r'`seed` .* at least 0, but got -1\.$'),
        (dict(class_seed='a'), r"`class_seed` .* at least 0, but got 'a'\.$"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused(root, arguments, message):
    with pytest.raises(ValueError, match=message):
        FashionPairs(root, **arguments)


@pytest.mark.parametrize('file', ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'])
def test_error_for_missing_files_says_how_to_get_them(tmp_path, file):
    folder = tiny_fashion_mnist(tmp_path / 'tiny', per_kind=12)
    (folder / file).unlink()

    message = rf'{folder}/{file} does not exist\. .*mmgala prepare fash'
    with pytest.raises(FileNotFoundError, match=message):
        FashionPairs(str(folder))
    assert len(FashionPairs(str(folder), 'test')) == 5000  # has its own files


@pytest.mark.parametrize('content', [b'', b'no idx', bytes([0, 0, 8, 3] + [0] * 50)])
def test_damaged_file_is_refused(tmp_path, content):
    folder = tiny_fashion_mnist(tmp_path / 'tiny', per_kind=12)
    (folder / 't10k-images-idx3-ubyte').write_bytes(content)

    with pytest.raises(ValueError, match=r'10k|test files') as raised:
        FashionPairs(str(folder), 'test')
    assert 'mmgala prepare fashion-mnist' in str(raised.value)


@pytest.mark.parametrize(
    ('images', 'labels', 'found'),
    [
        ((30, 28, 28), np.zeros(29), r'\(30, 28, 28\), labels of shape \(29,\)'),
        ((30, 32, 32), np.zeros(30), r'\(30, 32, 32\)'),
        ((30, 28, 28), np.arange(30), 'up to 29'),
    ],
    ids=['lengths', 'size', 'labels'],
)
def test_unrelated_files_are_refused(tmp_path, images, labels, found):
    write_idx(tmp_path / 'train-images-idx3-ubyte', np.zeros(images))
    write_idx(tmp_path / 'train-labels-idx1-ubyte', labels)

    with pytest.raises(ValueError, match=f'not those of Fashion-MNIST: .*{found}'):
        FashionPairs(str(tmp_path))


def test_too_few_items_are_refused(tmp_path):
    folder = tiny_fashion_mnist(tmp_path / 'tiny', per_kind=1)

    with pytest.raises(ValueError, match='at least two test images of each kind'):
        FashionPairs(str(folder), 'test')
