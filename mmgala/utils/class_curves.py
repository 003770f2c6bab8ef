"""Curves over many classes: moving averages, bins, and the mean and spread of a bin."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

# From the values of some classes to the lower and upper end of their spread.
Spread = Callable[[np.ndarray], tuple[float, float]]


def quartiles(values: np.ndarray) -> tuple[float, float]:
    """First and third quartile."""
    low, high = np.quantile(values, (0.25, 0.75))
    return float(low), float(high)


def percent_deviation(values: np.ndarray) -> tuple[float, float]:
    """Mean minus and plus the standard deviation, limited to 0 to 100 percent."""
    mean, deviation = values.mean(), values.std()
    return max(0.0, float(mean - deviation)), min(100.0, float(mean + deviation))


def moving_average(values: np.ndarray) -> np.ndarray:
    """Moving average over 1/50 of the classes, ignoring NaN.

    Args:
        values: one value per class, ``(C,)``.

    Returns:
        ``(C,)``, NaN where the window holds no number.
    """
    width = len(values) // 50 + 1
    known = ~np.isnan(values)
    total = uniform_filter1d(np.where(known, values, 0.0), width)
    share = uniform_filter1d(known.astype(float), width)
    return np.divide(total, share, out=np.full(len(values), np.nan), where=share > 0)


def rank_bins(num_classes: int, num_bins: int) -> np.ndarray:
    """Bin of each rank: bins of consecutive classes of about equal size, ``(C,)``."""
    return np.arange(num_classes) * num_bins // num_classes


def count_bins(class_counts: np.ndarray, num_bins: int) -> np.ndarray:
    """Bin of each class by its count: bins of equal width in ``log(1 + n)``, ``(C,)``.

    Args:
        class_counts: training samples per class, ``(C,)``.
        num_bins: number of bins, some of which may hold no class.
    """
    logs = np.log1p(class_counts)
    return np.digitize(logs, np.linspace(logs.min(), logs.max(), num_bins + 1)[1:-1])


@dataclass(frozen=True)
class BinnedCurve:
    """Classes summarised bin by bin, ``(B,)`` each; bins without a number are left out.

    Attributes:
        center: mean of the classes' positions.
        mean: mean of their values.
        low: lower end of their spread.
        high: upper end.
    """

    center: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def binned_curve(
    positions: np.ndarray, values: np.ndarray, bins: np.ndarray, spread: Spread
) -> BinnedCurve:
    """Summarise the classes of each bin.

    Args:
        positions: position of each class on the axis, ``(C,)``.
        values: value of each class, ``(C,)``; those that are not finite are ignored.
        bins: bin of each class, ``(C,)`` integers.
        spread: how to measure the spread within a bin.

    Examples:
        >>> values = np.array([1.0, 3.0, np.nan, 5.0])
        >>> binned_curve(np.arange(4), values, np.array([0, 0, 1, 1]), quartiles)
        BinnedCurve(center=array([0.5, 3. ]), mean=array([2., 5.]), \
low=array([1.5, 5. ]), high=array([2.5, 5. ]))
    """
    known = np.flatnonzero(np.isfinite(values))
    parts = [known[bins[known] == b] for b in np.unique(bins[known])]
    rows = [
        (positions[part].mean(), values[part].mean(), *spread(values[part]))
        for part in parts
    ]
    return BinnedCurve(*np.array(rows, dtype=float).reshape(-1, 4).T)
