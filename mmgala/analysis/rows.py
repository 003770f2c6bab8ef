"""Rows of a comparison: methods, with and without post-hoc steps, over their seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# A test set whose classes differ by more than this factor is not balanced: its top-1 is
# mostly that of its frequent classes.
NEARLY_EQUAL = 1.5


@dataclass(frozen=True)
class Row:
    """A row of the table: metrics of a method over all seeds.

    Attributes:
        name: name of the row.
        method: name of the method.
        post_hoc: a value of ``POST_HOC``; empty for unchanged scores.
        seeds: finished seeds, ascending.
        runs: metrics of each seed in percent, and the chosen strengths.
        correct: whether each test sample is classified correctly, ``(seeds, N)``.
        reliability: confidence, accuracy and sample count by bin of confidence, of each
            seed; see :func:`mmgala.analysis.predictions.reliability`. Empty if unknown.
    """

    name: str
    method: str
    post_hoc: str
    seeds: Sequence[int]
    runs: Sequence[Mapping[str, float]]
    correct: np.ndarray
    reliability: Sequence[Mapping[str, Sequence]] = ()

    def mean(self, metric: str) -> float:
        """Mean of a metric over the seeds."""
        return float(np.mean([run[metric] for run in self.runs]))


def is_balanced(targets: np.ndarray) -> bool:
    """Whether the classes of a test set have about the same size.

    Args:
        targets: labels of the test set, ``(N,)``.
    """
    sizes = np.unique(targets, return_counts=True)[1]
    return not len(sizes) or bool(sizes.max() <= NEARLY_EQUAL * sizes.min())


def leading_metric(targets: np.ndarray) -> str:
    """Metric that methods are compared by: top-1, or the mean over classes.

    The two are equal on a balanced test set. On others, top-1 is mostly the accuracy of
    the frequent classes, so ``'class_mean'`` leads.

    Args:
        targets: labels of the test set, ``(N,)``.

    Returns:
        A key of ``METRIC_NAMES``.
    """
    return 'top1' if is_balanced(targets) else 'class_mean'


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
