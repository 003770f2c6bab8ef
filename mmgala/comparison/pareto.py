"""Pareto-optimal points, and outliers that would distort a plot."""

import numpy as np

OUTLIER_RANGE = 3  # interquartile ranges below the lower quartile


def pareto_front(values: np.ndarray) -> np.ndarray:
    """Find the Pareto-optimal points.

    Args:
        values: ``(N, 2)`` values; higher is better.

    Returns:
        ``(N,)`` bool.

    Examples:
        >>> pareto_front(np.array([[90, 10], [80, 40], [80, 30]])).tolist()
        [True, True, False]
    """
    no_worse = (values[:, None] >= values).all(axis=2)
    better = (values[:, None] > values).any(axis=2)
    return np.logical_not((no_worse & better).any(axis=0))


def plot_outliers(values: np.ndarray) -> np.ndarray:
    """Find outliers to leave out of a plot, as they would compress all other points.

    Outliers are far below the other points in one of the values. Pareto-optimal points
    are never outliers, nor are points within the range of the remaining ones.

    Args:
        values: ``(N, 2)`` values; higher is better.

    Returns:
        ``(N,)`` bool.

    Examples:
        >>> values = np.array([[80, 50], [81, 51], [82, 52], [83, 53], [40, 50]])
        >>> plot_outliers(values).tolist()
        [False, False, False, False, True]
    """
    low, high = np.quantile(values, (0.25, 0.75), axis=0)
    far = (values < low - OUTLIER_RANGE * (high - low)).any(axis=1)
    far &= ~pareto_front(values)
    return far & (values < values[~far].min(axis=0)).any(axis=1)
