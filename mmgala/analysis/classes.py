"""Helpers for all analyses: class descriptions, means without NaN, JSON numbers."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmgala.functional import SHOT_GROUPS, ShotThresholds

Counts = Sequence[int] | np.ndarray


def describe_classes(
    class_counts: Counts,
    class_names: Sequence[str] | None = None,
    thresholds: ShotThresholds | None = None,
) -> list[dict]:
    """``name``, ``count`` and shot ``group`` of each class.

    Args:
        class_counts: number of training samples per class, ``(C,)``.
        class_names: C names. Defaults to the indices.
        thresholds: shot thresholds. Defaults to those of :class:`ShotThresholds`.

    Examples:
        >>> describe_classes([300, 2], ['cat', 'yak'])[1]
        {'name': 'yak', 'count': 2, 'group': 'few'}
    """
    counts = np.asarray(class_counts)
    names = range(len(counts)) if class_names is None else class_names
    groups = (thresholds or ShotThresholds()).group_of(torch.as_tensor(counts))
    return [
        {'name': str(name), 'count': count, 'group': SHOT_GROUPS[group]}
        for name, count, group in zip(
            names, counts.tolist(), groups.tolist(), strict=True
        )
    ]


def classes_by_group(
    class_counts: Counts, thresholds: ShotThresholds
) -> dict[str, np.ndarray]:
    """Class indices of each non-empty shot group, most frequent group first."""
    groups = thresholds.groups(torch.as_tensor(class_counts))
    return {name: classes.numpy() for name, classes in groups.items()}


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element-wise quotient of non-negative arrays; NaN where the divisor is 0."""
    result = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)


def nan_mean(rows: np.ndarray) -> np.ndarray:
    """Mean of each row over the values that are not NaN; NaN if all are.

    Args:
        rows: ``(N, M)``.

    Returns:
        ``(N,)``.
    """
    known = ~np.isnan(rows)
    return divide(np.where(known, rows, 0).sum(axis=1), known.sum(axis=1))


def json_numbers(values: np.ndarray | Tensor) -> list[float | None]:
    """Floats for JSON, which has no NaN; non-finite values become ``None``."""
    numbers = np.asarray(values, dtype=np.float64).tolist()
    return [number if math.isfinite(number) else None for number in numbers]
