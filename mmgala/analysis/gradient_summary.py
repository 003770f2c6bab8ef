"""Summary statistics of gradient balance between classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from mmgala.analysis.gradient_files import ClassGradients, GradientRecord
from mmgala.analysis.results import classes_by_group, divide, json_numbers
from mmgala.functional import SHOT_GROUPS


def gradient_ratio(sums: ClassGradients) -> np.ndarray:
    """Ratio of positive to negative gradient of each class weight vector, ``(C,)``.

    1 is balanced; below 1, the class weight vector is pushed away more than it is
    pulled towards its own samples. NaN where either gradient is 0, as for a class
    without samples.
    """
    positive, negative = sums.pos_grad, sums.neg_grad
    seen = (positive > 0) & (negative > 0)
    return np.divide(positive, negative, out=np.full(len(positive), np.nan), where=seen)


def gini(values: np.ndarray) -> float:
    """Gini coefficient of non-negative amounts, ``(C,)``.

    0 if all are equal, 1 - 1 / C if one class has everything, NaN if all are 0. It is
    half the mean absolute difference between two amounts, divided by their mean (Gini,
    1912).

    Examples:
        >>> gini(np.array([1.0, 1.0, 1.0, 1.0]))
        0.0
        >>> gini(np.array([0.0, 0.0, 0.0, 4.0]))
        0.75
    """
    total = values.sum()
    if total == 0:
        return float('nan')
    rank = np.arange(1, len(values) + 1)
    size = len(values)
    return float(
        2 * (rank * np.sort(values)).sum() / (size * total) - (size + 1) / size
    )


def mean_ratios(
    ratio: np.ndarray, groups: Mapping[str, np.ndarray]
) -> dict[str, float | None]:
    """Geometric mean of the ratios in each shot group without NaN; None if all are."""
    logs = np.log(ratio)
    means = {}
    for name, classes in groups.items():
        known = logs[classes][~np.isnan(logs[classes])]
        means[name] = float(np.exp(known.mean())) if len(known) else None
    return means


def summarise_gradients(
    record: GradientRecord, whole_training: bool = False
) -> dict[str, float | None]:
    """Summarise how balanced the gradients of a classifier are.

    * ``ratio_many``, ``ratio_medium``, ``ratio_few``: geometric mean of the gradient
      ratios in a shot group. Groups without classes are left out.
    * ``tail_head_ratio``: mean ratio of the rarest group divided by that of the most
      frequent one; 1 is balanced, below 1 the tail is pushed away more than the head.
      None if all classes are in one group.
    * ``log_ratio_spread``: standard deviation over classes of the natural logarithm
      of the ratio; 0 is balanced.
    * ``ratio_rank_correlation``: Spearman's rank correlation of ratio and training
      count; above 0, frequent classes have higher ratios.
    * ``source_gini``: Gini coefficient of the negative gradient that the samples of
      each class cause; 0 if all classes cause the same amount.
    * ``source_head_share``: share of all negative gradient that is caused by samples of
      the most frequent group.

    Args:
        record: record of one period.
        whole_training: summarise the whole training so far instead of the period.

    Returns:
        Numbers by name; undefined ones are None.
    """
    sums = record.total if whole_training else record.period
    groups = classes_by_group(record.class_counts, record.thresholds)
    ratio = gradient_ratio(sums)
    means = mean_ratios(ratio, groups)
    in_order = list(means.values())
    head, tail = (in_order[0], in_order[-1]) if len(in_order) > 1 else (None, None)
    known = ~np.isnan(ratio)
    sources = sums.sources.sum(axis=1)
    first = SHOT_GROUPS.index(next(iter(groups)))
    summary = {f'ratio_{name}': value for name, value in means.items()}
    summary |= dict(
        tail_head_ratio=tail / head if tail and head else None,
        log_ratio_spread=_defined(np.log(ratio[known]).std() if known.any() else None),
        ratio_rank_correlation=_rank_correlation(ratio[known], record, known),
        source_gini=_defined(gini(sums.given_grad)),
        source_head_share=(
            float(sources[first] / sources.sum()) if sources.sum() > 0 else None
        ),
    )
    return summary


def _rank_correlation(
    ratio: np.ndarray, record: GradientRecord, known: np.ndarray
) -> float | None:
    counts = record.class_counts[known]
    if len(ratio) < 3 or np.ptp(counts) == 0 or np.ptp(ratio) == 0:
        return None
    return _defined(spearmanr(counts, ratio).statistic)


def _defined(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def describe_gradients(records: Sequence[GradientRecord]) -> dict[str, Any]:
    """Describe the gradients of one training run, as JSON-compatible values.

    Args:
        records: result of :func:`mmgala.analysis.read_gradient_run`.

    Returns:
        ``unit``, ``'epoch'`` or ``'iter'``, and ``steps``, the numbers of the epochs or
        iterations, which are the time axis of the lists over time;
        ``summary``: a list over time of each number of
        :func:`mmgala.analysis.summarise_gradients`, and ``summary_total``: the number
        over the whole training;
        ``ratio_by_group``: a list over time of each shot group's ratio;
        ``ratio`` of the last period and ``ratio_total`` of the whole training,
        ``(C,)``;
        ``pos_grad``, ``neg_grad``, ``given_grad`` of the whole training, ``(C,)``;
        ``source_shares``: ``(C, 3)``, shares of each class weight vector's negative
        gradient that are caused by many-, medium- and few-shot samples, over the whole
        training;
        ``source_share_by_step``: for each group, a list over time of its share of all
        negative gradient;
        ``matrix``: None, or ``values`` ``(B, B)``, negative gradient over the whole
        training by receiving class (row) and source class (column), and ``bins``
        ``(C,)``.

        Undefined numbers are None.
    """
    last = records[-1]
    groups = classes_by_group(last.class_counts, last.thresholds)
    summaries = [summarise_gradients(record) for record in records]
    ratios = [mean_ratios(gradient_ratio(r.period), groups) for r in records]
    shares = [_shares(r.period.sources.sum(axis=1)) for r in records]
    return dict(
        unit=last.unit,
        steps=[record.number for record in records],
        summary={key: [s[key] for s in summaries] for key in summaries[0]},
        summary_total=summarise_gradients(last, whole_training=True),
        ratio_by_group={name: [r[name] for r in ratios] for name in groups},
        ratio=json_numbers(gradient_ratio(last.period)),
        ratio_total=json_numbers(gradient_ratio(last.total)),
        pos_grad=json_numbers(last.total.pos_grad),
        neg_grad=json_numbers(last.total.neg_grad),
        given_grad=json_numbers(last.total.given_grad),
        source_shares=[json_numbers(row) for row in _shares(last.total.sources).T],
        source_share_by_step={
            name: json_numbers(np.array([share[i] for share in shares]))
            for i, name in enumerate(SHOT_GROUPS)
            if name in groups
        },
        matrix=(
            dict(
                values=[json_numbers(row) for row in last.total.matrix],
                bins=last.matrix_bins.tolist(),
            )
            if last.total.matrix.size
            else None
        ),
    )


def _shares(sources: np.ndarray) -> np.ndarray:
    """Shares of the sum over the first axis; NaN if the sum is 0."""
    return divide(sources, sources.sum(axis=0, keepdims=True))
