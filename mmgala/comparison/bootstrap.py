"""Intervals of the difference between two methods, by resampling."""

import numpy as np


def paired_difference(
    first: np.ndarray,
    second: np.ndarray,
    targets: np.ndarray,
    draws: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    class_mean: bool = False,
) -> tuple[float, float]:
    """Percentile interval of ``second``'s accuracy over ``first``'s, in points.

    Resampled with replacement are, at once,

    * the test samples *within each class*, since a test set has fixed class sizes;
      both methods and all seeds are counted on the same draw;
    * the seeds; both methods are counted on the same ones, as equal seeds shuffle
      alike and, with heads of one shape, start alike.

    With one seed the interval says what the test sample leaves open, and nothing of
    how trainings differ. With few, it is too short where seeds differ much: of three
    seeds it is no wider than their three differences.

    Args:
        first: whether each test sample is predicted right, ``(seeds, N)``.
        second: of another method with the same seeds, in the same order.
        targets: class of each test sample, ``(N,)``.
        draws: resamples.
        confidence: share of the draws within the interval.
        seed: of the drawing.
        class_mean: take the mean of the classes' accuracies instead of top-1.

    Returns:
        Lower and upper end, in percentage points.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if first.shape != second.shape or first.shape[1:] != targets.shape:
        raise ValueError(
            f'Expected paired runs of {targets.shape} samples, but got {first.shape} '
            f'and {second.shape}.'
        )
    rng = np.random.default_rng(seed)
    num_seeds = len(first)
    shares = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), draws)
    # Samples of a class that behave alike on all seeds are alike to the draw: counting
    # them first makes each draw as short as there are such kinds.
    differences = second.astype(np.int8) - first
    gains = np.zeros((draws, num_seeds))
    for label in np.unique(targets):
        of_class = differences[:, targets == label]
        kinds, sizes = np.unique(of_class, axis=1, return_counts=True)
        counts = rng.multinomial(sizes.sum(), sizes / sizes.sum(), draws)
        gains += counts @ kinds.T * (1 / sizes.sum() if class_mean else 1)
    weight = len(np.unique(targets)) if class_mean else len(targets)
    means = (gains * shares).sum(axis=1) / (num_seeds * weight)
    tail = (1 - confidence) / 2
    low, high = np.quantile(100 * means, (tail, 1 - tail))
    return float(low), float(high)
