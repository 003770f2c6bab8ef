"""The Pareto front against loops over all pairs, and points that are left out."""

import numpy as np
import pytest

from mmgala.comparison.pareto import pareto_front, plot_outliers


@pytest.mark.parametrize('seed', range(3))
def test_front_is_that_of_comparing_every_pair(seed):
    values = np.random.default_rng(seed).integers(0, 6, (30, 2)).astype(float)
    expected = [
        not any(
            (other >= own).all() and (other > own).any() for other in values
        )
        for own in values
    ]  # fmt: skip
    assert pareto_front(values).tolist() == expected


def test_only_points_far_below_and_behind_are_left_out():
    rng = np.random.default_rng(0)
    crowd = np.stack([80 + rng.random(12), 50 + 20 * rng.random(12)], axis=1)
    behind, for_the_tail = (11.0, 50.0), (20.0, 99.0)
    values = np.array([*crowd, behind, for_the_tail])
    assert np.flatnonzero(plot_outliers(values)).tolist() == [12]
    assert not plot_outliers(values[:1]).any()


def test_points_within_the_range_of_the_others_stay():
    values = np.array([[80, 50], [81, 51], [82, 52], [83, 53], [40, 50], [20, 99]])
    assert not plot_outliers(values).any()
    assert np.flatnonzero(plot_outliers(values[:-1])).tolist() == [4]
