r"""Accuracy and calibration metrics for long-tailed data, as pure functions.

:func:`long_tailed_metrics` computes all metrics from the scores of a data set. If these
do not fit into memory, call :func:`sample_outcomes` on each batch, which keeps three
numbers per sample, and :func:`metrics_of_outcomes` at the end: the results are equal.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from mmgala.functional.checks import check_finite_scores, check_logits_and_target
from mmgala.functional.longtail import ShotThresholds

Rule = Literal['greater', 'less']
METRIC_RULES: dict[str, Rule] = {
    'top1': 'greater',
    'many': 'greater',
    'medium': 'greater',
    'few': 'greater',
    'class_mean': 'greater',
    'worst_class': 'greater',
    'ece': 'less',
}
"""Whether larger or smaller values of a metric are better, for the best checkpoint."""
DEFAULT_BINS = 15
# Number of scores that are compared at once, to limit the memory for large sets.
SCORES_AT_ONCE = 2**24


class SampleOutcomes(NamedTuple):
    """How each sample was classified.

    Attributes:
        target: labels, ``(N,)`` int64.
        rank: number of classes ranked ahead of the true one, ``(N,)`` int64; 0 is a
            correct prediction.
        confidence: largest score, ``(N,)`` float64; NaN if a score is not finite.
    """

    target: Tensor
    rank: Tensor
    confidence: Tensor


@dataclass(frozen=True, eq=False)
class CalibrationBins:
    """Statistics of samples, binned by their confidence.

    Attributes:
        confidence: mean confidence of each bin, ``(B,)``; NaN if it is empty.
        accuracy: fraction of correct predictions in each bin, likewise.
        count: number of samples in each bin, ``(B,)``.
        num_samples: N, the number of samples.
    """

    confidence: Tensor
    accuracy: Tensor
    count: Tensor
    num_samples: int


def long_tailed_metrics(
    scores: Tensor,
    target: Tensor,
    class_counts: Sequence[int] | Tensor | None = None,
    *,
    topk: Sequence[int] = (1,),
    thresholds: ShotThresholds | None = None,
    num_bins: int = DEFAULT_BINS,
) -> dict[str, float]:
    """Compute the metrics of a data set from its scores, in percent.

    * ``top1``, ``top5``, ...: accuracy over all samples. In a tie, the class with
      the lower index is ranked first;
    * ``many``, ``medium``, ``few``: mean accuracy of the classes of a shot group. A
      group without test samples is omitted; without ``class_counts``, all groups are;
    * ``class_mean``: mean of all classes' accuracies; ``worst_class``: the lowest.
      Classes without test samples have no accuracy;
    * ``ece``: expected calibration error, see :func:`expected_calibration_error`.

    Args:
        scores: softmax scores, ``(N, C)``, N and C 1 or more.
        target: labels, ``(N,)`` integers.
        class_counts: *training* samples of each class, ``(C,)``.
        topk: the values of k of the top-k accuracies, at most C.
        thresholds: shot thresholds. Defaults to those of :class:`ShotThresholds`.
        num_bins: bins of the calibration error.

    Returns:
        The metrics by their names; ``METRIC_NAMES`` has headings for tables.

    Raises:
        ValueError: if shapes do not match, a score is not finite, or an argument is out
            of range.

    Examples:
        >>> scores = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
        >>> target = torch.tensor([0, 0, 1, 1])
        >>> metrics = long_tailed_metrics(scores, target, class_counts=[300, 5])
        >>> {name: round(value, 1) for name, value in metrics.items()}
        {'top1': 75.0, 'many': 100.0, 'few': 50.0, 'class_mean': 75.0, 'worst_class': 50.0, 'ece': 30.0}
    """  # noqa: E501
    return metrics_of_outcomes(
        sample_outcomes(scores, target),
        scores.shape[1],
        class_counts,
        topk=topk,
        thresholds=thresholds,
        num_bins=num_bins,
    )


def metric_rule(name: str) -> Rule | None:
    """Whether larger or smaller values of a metric of this module are better.

    Args:
        name: of a metric, with any prefix that ends in a slash.

    Returns:
        ``'greater'`` or ``'less'``; ``None`` if the name is unknown.

    Examples:
        >>> metric_rule('accuracy/top5'), metric_rule('accuracy/ece')
        ('greater', 'less')
    """
    name = name.rpartition('/')[2]
    return METRIC_RULES.get('top1' if re.fullmatch(r'top\d+', name) else name)


def sample_outcomes(scores: Tensor, target: Tensor) -> SampleOutcomes:
    """Rank of the true class and confidence of each sample.

    Args:
        scores: softmax scores, ``(N, C)``.
        target: labels, ``(N,)`` integers.

    Raises:
        ValueError: if shapes do not match, or a label is not one of the C classes.
    """
    check_logits_and_target(scores, target)
    if target.is_floating_point():
        raise ValueError('Expected `target` to be class indices, but got soft labels.')
    rows = max(1, SCORES_AT_ONCE // max(scores.shape[1], 1))
    ranks = [
        _rank_of_target(*part)
        for part in zip(scores.split(rows), target.long().split(rows), strict=True)
    ]
    finite = torch.cat([part.isfinite().all(dim=1) for part in scores.split(rows)])
    confidence = scores.amax(dim=1).double().masked_fill_(~finite, math.nan)
    return SampleOutcomes(target.long(), torch.cat(ranks), confidence)


def _rank_of_target(scores: Tensor, target: Tensor) -> Tensor:
    """Number of classes ranked ahead of the true one; ties by lower index."""
    index = target[:, None]
    own = scores.gather(1, index)
    earlier = torch.arange(scores.shape[1], device=scores.device) < index
    return ((scores > own) | ((scores == own) & earlier)).sum(dim=1)


def metrics_of_outcomes(
    outcomes: SampleOutcomes,
    num_classes: int,
    class_counts: Sequence[int] | Tensor | None = None,
    *,
    topk: Sequence[int] = (1,),
    thresholds: ShotThresholds | None = None,
    num_bins: int = DEFAULT_BINS,
) -> dict[str, float]:
    """Metrics of all samples; see :func:`long_tailed_metrics`.

    Args:
        outcomes: result of :func:`sample_outcomes`, concatenated over batches.
        num_classes: C, the number of classes.
        class_counts: see :func:`long_tailed_metrics`, also for what follows.
        topk: see there.
        thresholds: see there.
        num_bins: see there.

    Raises:
        ValueError: if there are no samples, scores of a sample are not finite,
            ``class_counts`` do not have C values, or an argument is out of range.
    """
    check_topk(topk, num_classes)
    if not len(outcomes.target):
        raise ValueError('Expected at least one sample to measure, but got none.')
    check_finite_scores(outcomes.confidence)
    correct = outcomes.rank == 0
    per_class = class_accuracies(correct, outcomes.target, num_classes)
    metrics = {
        f'top{k}': 100.0 * float((outcomes.rank < k).double().mean()) for k in topk
    }
    metrics |= _group_means(per_class, class_counts, thresholds or ShotThresholds())
    known = per_class[~per_class.isnan()]
    metrics['class_mean'] = float(known.mean())
    metrics['worst_class'] = float(known.min())
    bins = calibration_bins(outcomes.confidence, correct, num_bins)
    metrics['ece'] = 100.0 * expected_calibration_error(bins)
    return metrics


def check_topk(topk: Sequence[int], num_classes: int | None = None) -> None:
    """Check the values of k of top-k accuracies.

    Raises:
        ValueError: if there are none, one is below 1 or no whole number, or exceeds the
            number of classes: that accuracy is always 100.
    """
    if not topk or not all(float(k).is_integer() and k >= 1 for k in topk):
        raise ValueError(
            'Expected every k of `topk` to be an integer of 1 or more, but got '
            f'{tuple(topk)}.'
        )
    if num_classes is not None and max(topk) > num_classes:
        possible = tuple(k for k in topk if k <= num_classes) or (1,)
        raise ValueError(
            f'Top-{max(topk)} accuracy is not defined for {num_classes} classes: set '
            f'topk={possible} of the metric.'
        )


def class_accuracies(correct: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Accuracy of each class in percent, ``(C,)`` float64; NaN without samples.

    Args:
        correct: whether each sample was classified correctly, ``(N,)`` boolean.
        target: labels, ``(N,)`` int64.
        num_classes: C, the number of classes.
    """
    hits = target.bincount(weights=correct.double(), minlength=num_classes)
    return 100.0 * hits / target.bincount(minlength=num_classes)


def _group_means(
    per_class: Tensor,
    class_counts: Sequence[int] | Tensor | None,
    thresholds: ShotThresholds,
) -> dict[str, float]:
    """Mean accuracy over the classes of each shot group that have test samples."""
    if class_counts is None:
        return {}
    if len(class_counts) != len(per_class):
        raise ValueError(
            f'The training set counts {len(class_counts)} classes, but the scores have '
            f'{len(per_class)}.'
        )
    groups = thresholds.groups(class_counts)
    means = {name: per_class[g].nanmean().item() for name, g in groups.items()}
    return {name: mean for name, mean in means.items() if mean == mean}


def calibration_bins(
    confidence: Tensor, correct: Tensor, num_bins: int = DEFAULT_BINS
) -> CalibrationBins:
    """Bin samples by confidence (Guo et al., ICML 2017, figure 1).

    A bin includes its lower edge; the last also includes a confidence of 1.

    Args:
        confidence: largest score of each sample, ``(N,)`` in [0, 1].
        correct: whether its class is the true one, ``(N,)`` boolean.
        num_bins: B, bins of equal width.

    Raises:
        ValueError: if ``num_bins`` is below 1, or a confidence is not finite.
    """
    if not 1 <= num_bins < math.inf:
        raise ValueError(f'Expected `num_bins` to be 1 or more, but got {num_bins}.')
    check_finite_scores(confidence)
    edges = torch.linspace(
        0, 1, num_bins + 1, dtype=torch.float64, device=confidence.device
    )
    values = confidence.double().clamp(0, 1 - 1e-12)
    index = torch.bucketize(values, edges, right=True) - 1
    count, confidences, hits = (
        index.bincount(weights=weights, minlength=num_bins)
        for weights in (None, values, correct.double())
    )
    return CalibrationBins(
        confidences / count, hits / count, count, num_samples=len(confidence)
    )


def expected_calibration_error(bins: CalibrationBins) -> float:
    r"""Mean gap between confidence and accuracy, from 0 to 1.

    :math:`\sum_b n_b / N \, |acc_b - conf_b|` (Guo et al., ICML 2017, eq. 5).

    Args:
        bins: of :func:`calibration_bins`.

    Examples:
        >>> confidence = torch.tensor([0.9, 0.9, 0.6, 0.6])
        >>> correct = torch.tensor([True, True, True, False])
        >>> round(expected_calibration_error(calibration_bins(confidence, correct)), 3)
        0.1
    """
    gap = (bins.accuracy - bins.confidence).abs().nan_to_num()
    return float((gap * (bins.count.double() / bins.num_samples)).sum())
