"""Metrics of raw and re-balanced predictions, as JSON-compatible values.

Accuracies are in percent, except in :func:`reliability`; undefined values are ``None``.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mmgala.analysis.confusions import class_confusions
from mmgala.analysis.prediction_files import PredictionDump
from mmgala.analysis.results import classes_by_group, divide, json_numbers, nan_mean
from mmgala.analysis.samples import Guesses
from mmgala.evaluation import TAU_GRID
from mmgala.evaluation.score_blocks import class_mass_of
from mmgala.evaluation.tau_winners import VALUES_AT_ONCE, WinnerSearch
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
    class_mass: Tensor | None = None,
) -> dict:
    """Compute metrics of raw and re-balanced predictions.

    The first result of :func:`analyse_with_guesses`, which has the arguments.
    """
    return analyse_with_guesses(dump, tau, thresholds, target_prior, class_mass)[0]


def analyse_with_guesses(
    dump: PredictionDump,
    tau: float,
    thresholds: ShotThresholds | None = None,
    target_prior: Tensor | None = None,
    class_mass: Tensor | None = None,
) -> tuple[dict, dict[str, Guesses]]:
    r"""Compute metrics of raw and re-balanced predictions.

    Scores are read block by block, first for the class mass if it is not given.

    Args:
        dump: predictions on a whole test set, with ``class_counts``. Without
            ``class_mass``, the class prior of the test set must be uniform or
            ``target_prior``.
        tau: strength of re-balancing. Choose it on *validation* predictions
            (:func:`mmgala.evaluation.choose_post_hoc`).
        thresholds: shot thresholds. Defaults to those of the dump.
        target_prior: class prior of the test set, ``(C,)`` with sum 1.
        class_mass: sum of each class's scores on other data, ``(C,)``. Defaults to that
            of the test set.

    Returns:
        The metrics and the guesses. The metrics are ``num_samples``; ``support``: test
        samples of each class, ``(C,)``; ``tau``; ``raw`` and ``rebalanced``, see
        :meth:`Measures.result`; ``tau_curve``: lists
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
    thresholds = thresholds or dump.thresholds or ShotThresholds()
    mass = class_mass
    if mass is None:
        check_enough_samples(len(dump.targets), dump.num_classes)
        mass = class_mass_of(dump.blocks)
    taus = sorted({*TAU_GRID, float(tau)})
    search = WinnerSearch([log_prior_adjustment(mass, t, target_prior) for t in taus])
    raw, rebalanced = (Measures(*dump.blocks.shape) for _ in range(2))
    correct = np.empty((len(taus), len(dump.targets)), dtype=bool)
    for rows, part in dump.blocks.parts():
        for inner in row_slices(len(part), part.shape[1], VALUES_AT_ONCE):
            scores = part[inner]
            place = slice(
                rows.start + inner.start, rows.start + inner.start + len(scores)
            )
            targets = dump.targets[place]
            labels = torch.from_numpy(targets)
            raw.add(place, scores, labels)
            changed = rebalance(scores, tau, mass, target_prior)
            rebalanced.add(place, changed, labels)
            # The argmax does not need the softmax, which would be computed 31 times.
            found = search(scores.log().clamp(min=-1e5).numpy())
            correct[:, place] = found.predicted == targets
    groups = classes_by_group(dump.class_counts, thresholds)
    measured = {
        'raw': raw.result(dump.class_counts, thresholds),
        'rebalanced': rebalanced.result(dump.class_counts, thresholds),
    }
    support = np.bincount(dump.targets, minlength=dump.num_classes)
    content = {
        'num_samples': len(dump.targets),
        'support': support.tolist(),
        'tau': float(tau),
        **{kind: metrics for kind, (metrics, _) in measured.items()},
        'tau_curve': {'tau': taus, **_accuracy_curves(dump, correct, groups)},
    }
    return content, {kind: guesses for kind, (_, guesses) in measured.items()}


class Measures:
    """Metrics of scores that are passed in blocks to save memory.

    The results of a block are written to arrays that exist from the beginning: small
    ones, kept between large ones that come and go, would fragment the memory.

    Args:
        num_samples: N, the number of samples.
        num_classes: C, the number of classes.
    """

    def __init__(self, num_samples: int, num_classes: int) -> None:
        self._mass = torch.zeros(num_classes, dtype=torch.float64)
        self._outcomes = SampleOutcomes(
            torch.empty(num_samples, dtype=torch.int64),
            torch.empty(num_samples, dtype=torch.int64),
            torch.empty(num_samples, dtype=torch.float64),
        )
        self._predicted = torch.empty(num_samples, dtype=torch.int64)

    def add(self, rows: slice, scores: Tensor, labels: Tensor) -> None:
        """Add scores ``(n, C)`` and labels ``(n,)`` of the samples ``rows``."""
        found = sample_outcomes(scores, labels)
        for values, new in zip(self._outcomes, found, strict=True):
            values[rows] = new
        self._predicted[rows] = scores.argmax(dim=1)
        self._mass += scores.sum(dim=0, dtype=torch.float64)

    def result(
        self, class_counts: np.ndarray, thresholds: ShotThresholds
    ) -> tuple[dict, Guesses]:
        """Compute the metrics of all samples.

        Args:
            class_counts: number of training samples per class, ``(C,)``.
            thresholds: shot thresholds.

        Returns:
            Metrics and guesses. The metrics are ``metrics`` of
            :func:`mmgala.functional.long_tailed_metrics`;
            ``class_accuracy`` ``(C,)``; ``class_mass`` ``(C,)``: predicted class
            marginal relative to uniform; ``confusion``, see :func:`group_confusion`;
            ``class_confusions``, see
            :func:`mmgala.analysis.confusions.class_confusions`; ``reliability``, see
            :func:`reliability`.
        """
        num_classes = len(class_counts)
        outcomes = self._outcomes
        correct = outcomes.rank == 0
        counts = torch.from_numpy(class_counts)
        groups = classes_by_group(class_counts, thresholds)
        num_samples = len(outcomes.target)
        target = outcomes.target.numpy()
        predicted = self._predicted.numpy()
        guesses = Guesses(predicted, outcomes.confidence.numpy())
        measures = {
            'metrics': metrics_of_outcomes(
                outcomes, num_classes, counts, thresholds=thresholds
            ),
            'class_accuracy': json_numbers(
                class_accuracies(correct, outcomes.target, num_classes)
            ),
            'class_mass': json_numbers(self._mass * num_classes / num_samples),
            'confusion': group_confusion(target, predicted, groups),
            'class_confusions': class_confusions(target, predicted, num_classes),
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
    dump: PredictionDump, correct: np.ndarray, groups: Mapping[str, np.ndarray]
) -> dict[str, list]:
    """``top1``, ``class_mean`` and group accuracies; ``correct`` is ``(taus, N)``."""
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
