"""Bins, spreads and moving averages against plain loops."""

import numpy as np
import pytest

from mmgala.utils.class_curves import (
    binned_curve,
    count_bins,
    moving_average,
    percent_deviation,
    quartiles,
    rank_bins,
)


@pytest.fixture
def values():
    values = np.random.default_rng(0).normal(50, 30, 120)
    values[[3, 4, 40, 119]] = np.nan
    values[60:70] = np.nan
    return values


def test_the_moving_average_ignores_nan(values):
    smoothed = moving_average(values)
    for i in range(2, 118):  # windows of 120 // 50 + 1 = 3 classes
        window = values[i - 1 : i + 2]
        known = window[~np.isnan(window)]
        expected = known.mean() if len(known) else np.nan
        assert smoothed[i] == pytest.approx(expected, nan_ok=True)


def test_rank_bins_have_about_equal_sizes():
    bins = rank_bins(103, 40)
    assert (np.diff(bins) >= 0).all()
    assert set(np.bincount(bins, minlength=40)) == {2, 3}


def test_count_bins_are_equally_wide_in_the_logarithm():
    counts = np.expm1([0, 0.9, 1.1, 2.5, 4.0])
    assert count_bins(counts, 4).tolist() == [0, 0, 1, 2, 3]


def test_each_bin_is_summarised_by_its_known_classes(values):
    bins = rank_bins(120, 12)
    curve = binned_curve(np.arange(120), values, bins, percent_deviation)
    kept = [b for b in range(12) if b != 6]  # classes 60 to 69 have no value
    assert len(curve.center) == len(kept)
    for i, b in enumerate(kept):
        known = [c for c in range(10 * b, 10 * b + 10) if not np.isnan(values[c])]
        own = values[known]
        deviation = np.sqrt(((own - own.mean()) ** 2).mean())
        assert curve.center[i] == pytest.approx(np.mean(known))
        assert curve.mean[i] == pytest.approx(own.mean())
        assert curve.low[i] == pytest.approx(max(0, own.mean() - deviation))
        assert curve.high[i] == pytest.approx(min(100, own.mean() + deviation))


def test_no_value_gives_an_empty_curve():
    curve = binned_curve(np.arange(3), np.full(3, np.nan), np.zeros(3, int), quartiles)
    assert curve.center.shape == curve.high.shape == (0,)
