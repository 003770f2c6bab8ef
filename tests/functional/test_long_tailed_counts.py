"""`long_tailed_counts` against official counts and the formulas."""

import json
import math

import pytest

from mmgala.functional import long_tailed_counts


@pytest.mark.parametrize(
    ('name', 'arguments'),
    [
        ('CIFAR-10-LT_IMBA100', (10, 5000, 100)),
        ('CIFAR-100-LT_IMBA100', (100, 500, 100)),
        ('CIFAR-100-LT_IMBA200', (100, 500, 200)),
    ],
)
def test_exp_gives_the_official_counts(shared_dir, name, arguments):
    official = json.loads((shared_dir / 'data' / f'{name}.json').read_text())
    assert long_tailed_counts(*arguments) == official


@pytest.mark.parametrize('imbalance_factor', [1, 10, 50, 200, 12.5])
@pytest.mark.parametrize('num_classes', [2, 7, 100])
def test_exp_equals_the_formula(num_classes, imbalance_factor):
    expected = []
    for c in range(num_classes):
        exact = 1280 * imbalance_factor ** (-c / (num_classes - 1))
        expected.append(int(exact))
    actual = long_tailed_counts(num_classes, 1280, imbalance_factor, 'exp')
    assert actual == expected


@pytest.mark.parametrize(
    ('num_classes', 'imbalance_factor', 'expected'),
    [
        (4, 10, [100, 100, 10, 10]),
        (5, 8, [100, 100, 12, 12, 12]),
        (2, 1, [100, 100]),
        (3, 200, [100, 0, 0]),
    ],
)
def test_step_halves_the_classes(num_classes, imbalance_factor, expected):
    actual = long_tailed_counts(num_classes, 100, imbalance_factor, 'step')
    assert actual == expected


@pytest.mark.parametrize('imbalance_factor', [1, 3, 10, 49, 100, 500])
@pytest.mark.parametrize('num_classes', [2, 3, 10, 100])
def test_pareto_is_a_power_law_between_its_ends(num_classes, imbalance_factor):
    counts = long_tailed_counts(num_classes, 500, imbalance_factor, 'pareto')
    assert counts[0] == 500
    assert counts[-1] == 500 // imbalance_factor
    slope = math.log(imbalance_factor) / math.log(num_classes)
    for c, count in enumerate(counts):
        exact = 500 * math.exp(-slope * math.log(c + 1))
        assert count <= exact + 1e-9
        assert exact < count + 1 + 1e-9


@pytest.mark.parametrize('max_count', [3, 10, 49, 120])
def test_pareto_is_not_rounded_below_its_tail(max_count):
    for num_classes in (2, 3, 10, 100):
        assert long_tailed_counts(num_classes, max_count, max_count, 'pareto')[-1] == 1


@pytest.mark.parametrize('profile', ['exp', 'step', 'pareto'])
def test_counts_are_integers_that_never_grow(profile):
    counts = long_tailed_counts(50, 500, 100, profile)
    assert len(counts) == 50
    assert all(type(n) is int for n in counts)
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (500, 5)


@pytest.mark.parametrize('profile', ['exp', 'step', 'pareto'])
def test_imbalance_factor_1_is_balanced(profile):
    assert long_tailed_counts(5, 30, 1, profile) == [30] * 5


@pytest.mark.parametrize('factor', [0.99, 0, -1, math.nan, math.inf])
def test_imbalance_factor_below_1_is_refused(factor):
    message = f'`imbalance_factor`.*to be 1 or more, but got {factor}'
    with pytest.raises(ValueError, match=message):
        long_tailed_counts(10, 500, factor)


@pytest.mark.parametrize('num_classes', [1, 0])
def test_fewer_than_two_classes_are_refused(num_classes):
    with pytest.raises(ValueError, match=f'at least 2 classes, but got {num_classes}'):
        long_tailed_counts(num_classes, 500, 100)


def test_max_count_below_1_is_refused():
    with pytest.raises(ValueError, match='`max_count` to be 1 or more, but got 0'):
        long_tailed_counts(10, 0, 100)


def test_unknown_profile_is_refused():
    message = r"`profile` to be one of \('exp', 'step', 'pareto'\), but got 'linear'"
    with pytest.raises(ValueError, match=message):
        long_tailed_counts(10, 500, 100, 'linear')
