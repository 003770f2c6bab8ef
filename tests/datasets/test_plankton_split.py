"""The split by hashes is stratified and depends only on the names."""

import hashlib

import numpy as np
import pytest

from mmgala.datasets.plankton import hashed_split, held_out_counts

PERCENT = {'val': 15, 'test': 25}
COUNTS = {'ant': 200, 'bee': 41, 'cat': 9, 'dog': 3}


@pytest.fixture
def names():
    return [f'{c}/{i}.jpg' for c, count in COUNTS.items() for i in range(count)]


def labels_of(names):
    return np.array([list(COUNTS).index(name.split('/')[0]) for name in names])


def part_of_each(names):
    return dict(zip(names, hashed_split(names, labels_of(names), PERCENT), strict=True))


def test_every_class_is_in_every_part_with_its_share(names):
    parts = hashed_split(names, labels_of(names), PERCENT)

    found = {
        c: [int((parts[labels_of(names) == i] == part).sum())
            for part in ('train', 'val', 'test')]
        for i, c in enumerate(COUNTS)
    }  # fmt: skip
    # 15 and 25 percent, rounded, but at least one; computed by hand.
    assert found == {
        'ant': [120, 30, 50],
        'bee': [25, 6, 10],
        'cat': [6, 1, 2],
        'dog': [1, 1, 1],
    }


def test_the_smallest_hashes_of_a_class_go_to_the_first_part(names):
    parts = hashed_split(names, labels_of(names), PERCENT)

    bees = {n: p for n, p in zip(names, parts, strict=True) if n.startswith('bee')}
    in_order = sorted(bees, key=lambda n: hashlib.sha256(n.encode()).digest())
    assert [bees[n] for n in in_order] == ['val'] * 6 + ['test'] * 10 + ['train'] * 25


def test_the_order_of_the_names_does_not_matter(names):
    parts = dict(
        zip(names, hashed_split(names, labels_of(names), PERCENT), strict=True)
    )

    shuffled = list(np.random.default_rng(0).permutation(names))
    again = hashed_split(shuffled, labels_of(shuffled), PERCENT)

    assert dict(zip(shuffled, again, strict=True)) == parts


def test_a_class_does_not_depend_on_the_others(names):
    parts = dict(
        zip(names, hashed_split(names, labels_of(names), PERCENT), strict=True)
    )

    cats = [name for name in names if name.startswith('cat')]
    alone = hashed_split(cats, np.zeros(9, int), PERCENT)

    assert [parts[name] for name in cats] == alone.tolist()


def test_the_split_never_changes():
    """Hashes computed by `sha256sum`; the smallest is held out."""
    names = [f'a/{i}' for i in range(4)]

    parts = hashed_split(names, np.zeros(4, int), {'val': 20})

    # `printf a/0 | sha256sum` gives d7e9..., and then 7732..., 008a... and 25c1...
    assert parts.tolist() == ['train', 'train', 'val', 'train']


def test_shares_are_the_nearest_whole_numbers():
    for count in range(3, 400):
        for part, found in held_out_counts(count, PERCENT).items():
            exact = count * PERCENT[part] / 100
            assert abs(found - exact) <= 0.5 or (found == 1 and exact < 1)


def test_no_images():
    assert hashed_split([], np.zeros(0, int), PERCENT).tolist() == []


def test_a_class_that_is_too_small_is_named():
    with pytest.raises(ValueError, match='at least 3 images .* class 7 has 2'):
        hashed_split(['a', 'b', 'c', 'd', 'e'], np.array([7, 1, 1, 7, 1]), PERCENT)


def test_names_must_differ():
    with pytest.raises(ValueError, match='unique image names'):
        hashed_split(['a', 'b', 'a', 'c'], np.zeros(4, int), PERCENT)
