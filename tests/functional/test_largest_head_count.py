"""`largest_head_count` against trying every count."""

import random

import pytest

from mmgala.functional import largest_head_count, long_tailed_counts

PROFILES = ['exp', 'step', 'pareto']


def by_trying(available, imbalance_factor, profile):
    """Largest head whose counts every class can supply."""
    best = 0
    for head in range(1, available[0] + 1):
        counts = long_tailed_counts(len(available), head, imbalance_factor, profile)
        if all(n <= there for n, there in zip(counts, available, strict=True)):
            best = head
    return best


@pytest.mark.parametrize('imbalance_factor', [1, 2.5, 10, 100])
@pytest.mark.parametrize('profile', PROFILES)
def test_no_larger_head_fits(profile, imbalance_factor):
    draw = random.Random(0)
    for num_classes in (2, 3, 8):
        for _ in range(4):
            available = [draw.randint(0, 120) for _ in range(num_classes)]
            expected = by_trying(available, imbalance_factor, profile)
            actual = largest_head_count(available, imbalance_factor, profile)
            assert actual == expected, available


@pytest.mark.parametrize('profile', PROFILES)
def test_balanced_classes_give_all_of_the_head(profile):
    assert largest_head_count([500] * 10, 100, profile) == 500


def test_default_profile_is_exp():
    assert largest_head_count([500, 80, 20], 25) == by_trying([500, 80, 20], 25, 'exp')


def test_a_class_without_samples_leaves_no_head():
    assert largest_head_count([100, 0, 100], 1) == 0


def test_an_empty_head_leaves_no_head():
    assert largest_head_count([0, 100], 10) == 0
