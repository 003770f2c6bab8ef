"""What predictions say about a classifier, before and after re-balancing."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmgala.analysis.prediction_files import PredictionDump, chunks
from mmgala.analysis.prediction_summary import (
    class_accuracy,
    listed,
    named_groups,
    nan_mean,
    summarise,
)
from mmgala.evaluation import TAU_GRID
from mmgala.functional import log_prior_adjustment, rebalance
from mmgala.functional.rebalance import check_enough_samples


def analyse_predictions(
    dump: PredictionDump,
    tau: float,
    many: int = 100,
    few: int = 20,
    target_prior: Tensor | None = None,
) -> dict:
    r"""Measure predictions as they are and re-balanced.

    Works in parts of a few rows: beside the scores themselves it needs little memory.

    Args:
        dump: predictions on a whole test set whose classes are balanced (or shared
            out as ``target_prior`` says), with ``class_counts``.
        tau: strength of re-balancing. Choose it on *validation* predictions
            (:func:`mmgala.evaluation.search_tau`).
        many: classes with more training samples are many-shot.
        few: classes with fewer training samples are few-shot.
        target_prior: class shares of the test set, ``(C,)`` with sum 1.

    Returns:
        ``num_samples``; ``tau``; ``raw`` and ``rebalanced``, see
        :func:`mmgala.analysis.prediction_summary.summarise`; ``tau_curve``: lists
        ``tau``, ``top1``, ``class_mean`` and, of groups with classes, ``many``,
        ``medium``, ``few``. The curve is for looking at: no tau may be read off it.
        Ready for JSON, with ``None`` for what has no value.

    Raises:
        ValueError: if the training counts are unknown, if there are fewer samples
            than classes, or on wrong ``tau``, limits or ``target_prior``.
    """
    if dump.class_counts is None:
        raise ValueError(
            'Expected the training samples of each class, but the predictions come '
            "without: train with custom_hooks=[dict(type='mmgala.ClassCountsHook')] "
            'and test again, or give the counts (--class-counts FILE).'
        )
    check_enough_samples(len(dump.targets), dump.num_classes)
    scores, targets = torch.from_numpy(dump.scores), torch.from_numpy(dump.targets)
    parts = [(scores[rows], targets[rows]) for rows in chunks(dump.scores)]  # views
    mass = torch.zeros(dump.num_classes, dtype=torch.float64)
    for part, _ in parts:
        mass += part.sum(dim=0, dtype=torch.float64)
    rebalanced = ((rebalance(p, tau, mass, target_prior), t) for p, t in parts)
    taus = sorted({*TAU_GRID, float(tau)})
    adjustments = [log_prior_adjustment(mass, t, target_prior) for t in taus]
    groups = named_groups(dump.class_counts, many, few)
    return {
        'num_samples': len(targets),
        'tau': float(tau),
        'raw': summarise(parts, dump.class_counts, many, few),
        'rebalanced': summarise(rebalanced, dump.class_counts, many, few),
        'tau_curve': {'tau': taus, **_accuracies(dump, adjustments, groups)},
    }


def _accuracies(
    dump: PredictionDump, adjustments: list[Tensor], groups: dict[str, np.ndarray]
) -> dict[str, list]:
    """``top1``, ``class_mean`` and the groups' accuracies after each adjustment."""
    correct = np.empty((len(adjustments), len(dump.targets)), dtype=bool)
    vectors = [adjustment.float().numpy() for adjustment in adjustments]
    for rows in chunks(dump.scores):
        log_scores = torch.from_numpy(dump.scores[rows]).log().clamp(min=-1e5).numpy()
        adjusted = np.empty_like(log_scores)
        for hits, vector in zip(correct, vectors, strict=True):
            # No softmax, which leaves the largest where it is, 31 times; and NumPy's
            # argmax takes a third of the time of torch's.
            np.add(log_scores, vector, out=adjusted)
            hits[rows] = adjusted.argmax(axis=1) == dump.targets[rows]
    per_class = np.stack(
        [class_accuracy(hits, dump.targets, dump.num_classes) for hits in correct]
    )
    return {
        'top1': listed(100 * correct.mean(axis=1)),
        'class_mean': listed(nan_mean(per_class)),
        **{name: listed(nan_mean(per_class[:, g])) for name, g in groups.items()},
    }


def describe_classes(
    class_counts: Sequence[int] | np.ndarray,
    class_names: Sequence[str] | None = None,
    many: int = 100,
    few: int = 20,
) -> list[dict]:
    """``name``, ``count`` and shot ``group`` of each class; names default to indices.

    Examples:
        >>> describe_classes([300, 2], ['cat', 'yak'])[1]
        {'name': 'yak', 'count': 2, 'group': 'few'}
    """
    counts = np.asarray(class_counts).tolist()
    names = range(len(counts)) if class_names is None else class_names
    group = {
        int(c): name for name, g in named_groups(counts, many, few).items() for c in g
    }
    return [
        {'name': str(name), 'count': count, 'group': group[c]}
        for c, (name, count) in enumerate(zip(names, counts, strict=True))
    ]
