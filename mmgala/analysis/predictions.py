"""Metrics of raw and re-balanced predictions, as JSON-compatible values.

Accuracies are in percent, except in :func:`reliability`; undefined values are ``None``.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from mmgala.analysis.confusions import class_confusions
from mmgala.analysis.prediction_files import PredictionDump
from mmgala.analysis.results import classes_by_group, divide, json_numbers, nan_mean
from mmgala.analysis.samples import Guesses
from mmgala.evaluation import TAU_GRID
from mmgala.functional import (
    ShotThresholds,
    calibration_bins,
    class_accuracies,
    log_prior_adjustment,
    metrics_of_outcomes,
    rebalance,
    sample_outcomes,
)
from mmgala.functional.metrics import SampleOutcomes
from mmgala.functional.rebalance import check_enough_samples
from mmgala.utils.chunks import row_slices


def analyse_predictions(
    dump: PredictionDump,
    tau: float,
    thresholds: ShotThresholds | None = None,
    target_prior: Tensor | None = None,
) -> dict:
    """Compute metrics of raw and re-balanced predictions.

    The first result of :func:`analyse_with_guesses`, which has the arguments.
    """
    return analyse_with_guesses(dump, tau, thresholds, target_prior)[0]


def analyse_with_guesses(
    dump: PredictionDump,
    tau: float,
    thresholds: ShotThresholds | None = None,
    target_prior: Tensor | None = None,
) -> tuple[dict, dict[str, Guesses]]:
    r"""Compute metrics of raw and re-balanced predictions.

    Rows are processed in chunks, to need little memory besides that of the scores.

    Args:
        dump: predictions on a whole test set, with ``class_counts``. The class prior of
            the test set must be uniform or ``target_prior``.
        tau: strength of re-balancing. Choose it on *validation* predictions
            (:func:`mmgala.evaluation.choose_post_hoc`).
        thresholds: shot thresholds. Defaults to those of the dump.
        target_prior: class prior of the test set, ``(C,)`` with sum 1.

    Returns:
        The metrics and the guesses. The metrics are ``num_samples``; ``support``: test
        samples of each class, ``(C,)``; ``tau``; ``raw`` and ``rebalanced``, see
        :func:`mmgala.analysis.predictions.measure_scores`; ``tau_curve``: lists
        ``tau``, ``top1``, ``class_mean`` and, for non-empty groups, ``many``,
        ``medium``, ``few``. Do not choose tau from this curve: it uses test labels. The
        guesses are the predicted classes, ``raw`` and ``rebalanced``.

    Raises:
        ValueError: if the training counts are unknown, if there are fewer samples
            than classes, or if ``tau`` or ``target_prior`` is out of range.
    """
    if dump.class_counts is None:
        raise ValueError(
            'The predictions do not contain the number of training samples per class: '
            "train with custom_hooks=[dict(type='mmgala.ClassCountsHook')] and test "
            'again, or pass the counts with --class-counts FILE.'
        )
    check_enough_samples(len(dump.targets), dump.num_classes)
    thresholds = thresholds or dump.thresholds or ShotThresholds()
    scores, targets = torch.from_numpy(dump.scores), torch.from_numpy(dump.targets)
    rows_of_parts = row_slices(*dump.scores.shape)
    parts = [(scores[rows], targets[rows]) for rows in rows_of_parts]  # views
    mass = torch.zeros(dump.num_classes, dtype=torch.float64)
    for part, _ in parts:
        mass += part.sum(dim=0, dtype=torch.float64)
    rebalanced = ((rebalance(p, tau, mass, target_prior), t) for p, t in parts)
    taus = sorted({*TAU_GRID, float(tau)})
    adjustments = [log_prior_adjustment(mass, t, target_prior) for t in taus]
    groups = classes_by_group(dump.class_counts, thresholds)
    measured = {
        'raw': measure_scores(parts, dump.class_counts, thresholds),
        'rebalanced': measure_scores(rebalanced, dump.class_counts, thresholds),
    }
    support = np.bincount(dump.targets, minlength=dump.num_classes)
    content = {
        'num_samples': len(targets),
        'support': support.tolist(),
        'tau': float(tau),
        **{kind: metrics for kind, (metrics, _) in measured.items()},
        'tau_curve': {'tau': taus, **_accuracy_curves(dump, adjustments, groups)},
    }
    return content, {kind: guesses for kind, (_, guesses) in measured.items()}


def measure_scores(
    parts: Iterable[tuple[Tensor, Tensor]],
    class_counts: np.ndarray,
    thresholds: ShotThresholds,
) -> tuple[dict, Guesses]:
    """Compute metrics of scores that are passed in chunks to save memory.

    Args:
        parts: chunks of scores ``(n, C)`` and labels ``(n,)``.
        class_counts: number of training samples per class, ``(C,)``.
        thresholds: shot thresholds.

    Returns:
        Metrics and guesses. The metrics are ``metrics`` of
        :func:`mmgala.functional.long_tailed_metrics`;
        ``class_accuracy`` ``(C,)``; ``class_mass`` ``(C,)``: predicted class marginal
        relative to uniform; ``confusion``, see :func:`group_confusion`;
        ``class_confusions``, see
        :func:`mmgala.analysis.confusions.class_confusions`; ``reliability``, see
        :func:`reliability`.
    """
    num_classes = len(class_counts)
    mass = torch.zeros(num_classes, dtype=torch.float64)
    collected: list[SampleOutcomes] = []
    predicted: list[Tensor] = []
    for scores, labels in parts:
        collected.append(sample_outcomes(scores, labels))
        predicted.append(scores.argmax(dim=1))
        mass += scores.sum(dim=0, dtype=torch.float64)
    outcomes = SampleOutcomes(*map(torch.cat, zip(*collected, strict=True)))
    correct = outcomes.rank == 0
    counts = torch.from_numpy(class_counts)
    groups = classes_by_group(class_counts, thresholds)
    num_samples = len(outcomes.target)
    target = outcomes.target.numpy()
    guesses = Guesses(torch.cat(predicted).numpy(), outcomes.confidence.numpy())
    measures = {
        'metrics': metrics_of_outcomes(
            outcomes, num_classes, counts, thresholds=thresholds
        ),
        'class_accuracy': json_numbers(
            class_accuracies(correct, outcomes.target, num_classes)
        ),
        'class_mass': json_numbers(mass * num_classes / num_samples),
        'confusion': group_confusion(target, guesses.predicted, groups),
        'class_confusions': class_confusions(target, guesses.predicted, num_classes),
        'reliability': reliability(outcomes.confidence, correct),
    }
    return measures, guesses


def group_confusion(
    target: np.ndarray, predicted: np.ndarray, groups: Mapping[str, np.ndarray]
) -> dict:
    """Confusion matrix of the shot groups.

    Args:
        target: labels, ``(N,)``.
        predicted: predicted classes, ``(N,)``.
        groups: G groups that partition the classes.

    Returns:
        ``groups``, their names, and ``values`` ``(G, G)``: percentage of the samples of
        the row's group whose predicted class is in the column's group.
    """
    size = len(groups)
    group_of = np.empty(sum(map(len, groups.values())), dtype=np.int64)
    for index, classes in enumerate(groups.values()):
        group_of[classes] = index
    pairs = group_of[target] * size + group_of[predicted]
    counts = np.bincount(pairs, minlength=size**2).reshape(size, size)
    percent = divide(100 * counts, counts.sum(axis=1, keepdims=True))
    return {'groups': list(groups), 'values': [json_numbers(row) for row in percent]}


def reliability(confidence: Tensor, correct: Tensor) -> dict:
    """Mean confidence and accuracy in the bins of the calibration error.

    Args:
        confidence: largest score of each sample, ``(N,)``.
        correct: whether the predicted class is the true one, ``(N,)`` boolean.

    Returns:
        Mean ``confidence`` and ``accuracy``, both in [0, 1], and sample ``count`` in
        each bin; see :func:`mmgala.functional.calibration_bins`.
    """
    bins = calibration_bins(confidence, correct)
    return {
        'confidence': json_numbers(bins.confidence),
        'accuracy': json_numbers(bins.accuracy),
        'count': bins.count.tolist(),
    }


def _accuracy_curves(
    dump: PredictionDump, adjustments: list[Tensor], groups: Mapping[str, np.ndarray]
) -> dict[str, list]:
    """``top1``, ``class_mean`` and group accuracies after each adjustment."""
    correct = np.empty((len(adjustments), len(dump.targets)), dtype=bool)
    vectors = [adjustment.float().numpy() for adjustment in adjustments]
    for rows in row_slices(*dump.scores.shape):
        log_scores = torch.from_numpy(dump.scores[rows]).log().clamp(min=-1e5).numpy()
        adjusted = np.empty_like(log_scores)
        for hits, vector in zip(correct, vectors, strict=True):
            # The argmax does not need the softmax, which would be computed 31 times.
            # NumPy's argmax takes a third of the time of PyTorch's.
            np.add(log_scores, vector, out=adjusted)
            hits[rows] = adjusted.argmax(axis=1) == dump.targets[rows]
    targets = torch.from_numpy(dump.targets)
    per_class = np.stack(
        [
            class_accuracies(torch.from_numpy(hits), targets, dump.num_classes).numpy()
            for hits in correct
        ]
    )
    return {
        'top1': json_numbers(100 * correct.mean(axis=1)),
        'class_mean': json_numbers(nan_mean(per_class)),
        **{name: json_numbers(nan_mean(per_class[:, g])) for name, g in groups.items()},
    }
