"""`shot_groups` against the published group sizes."""

import json

import pytest
import torch

from mmgala.functional import shot_groups


@pytest.mark.parametrize(
    ('name', 'sizes'),
    [
        ('CIFAR-100-LT_IMBA100', [35, 35, 30]),
        ('CIFAR-100-LT_IMBA200', [30, 31, 39]),
        ('CIFAR-10-LT_IMBA100', [8, 2, 0]),
        ('ImageNet_LT', [385, 479, 136]),
        ('Places_LT', [131, 163, 71]),
        ('iNaturalist18', [842, 4076, 3224]),
    ],
)
def test_groups_have_their_published_sizes(shared_dir, name, sizes):
    counts = json.loads((shared_dir / 'data' / f'{name}.json').read_text())
    groups = shot_groups(counts)
    assert [len(group) for group in groups] == sizes
    for c, count in enumerate(counts):
        group = 0 if count > 100 else 1 if count >= 20 else 2
        assert c in groups[group]


@pytest.mark.parametrize(
    ('count', 'group'),
    [(101, 0), (100, 1), (20, 1), (19, 2), (0, 2)],
)
def test_thresholds_belong_to_medium(count, group):
    groups = [g.tolist() for g in shot_groups([count])]
    assert groups == [[0] if g == group else [] for g in range(3)]


def test_thresholds_can_be_chosen():
    groups = shot_groups([9, 5, 4, 2, 1], many=5, few=2)
    assert [g.tolist() for g in groups] == [[0], [1, 2, 3], [4]]


@pytest.mark.parametrize('kind', [list, tuple, torch.tensor])
def test_groups_are_int64_indices_of_any_sequence(kind):
    groups = shot_groups(kind([500, 3, 50, 200]))
    assert [g.tolist() for g in groups] == [[0, 3], [2], [1]]
    assert all(g.dtype == torch.int64 for g in groups)


def test_few_above_many_is_refused():
    with pytest.raises(ValueError, match='`few` to be 0 or more, but got few=-1'):
        shot_groups([1, 2], many=20, few=-1)
    with pytest.raises(ValueError, match='`few` <= `many`, but got few=30 and many=20'):
        shot_groups([1, 2], many=20, few=30)


@pytest.mark.parametrize('counts', [[5, -1], [[5, 1]], 7])
def test_anything_but_one_count_per_class_is_refused(counts):
    with pytest.raises(ValueError, match='`class_counts` to be'):
        shot_groups(counts)
