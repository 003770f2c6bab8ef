"""Measure one kind of scores: numbers and lists, ready for JSON.

Accuracies are in percent but for those of :func:`reliability`; ``None`` stands for
what has no value.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from mmgala.analysis.prediction_files import PredictionDump
from mmgala.evaluation import TAU_GRID, LongTailedAccuracy
from mmgala.functional import log_prior_adjustment, rebalance, shot_groups
from mmgala.functional.rebalance import check_enough_samples
from mmgala.utils.chunks import row_slices


def summarise(
    parts: Iterable[tuple[Tensor, Tensor]],
    class_counts: np.ndarray,
    many: int = 100,
    few: int = 20,
) -> dict:
    """Measure scores that come in parts, so that they need not fit into memory.

    Args:
        parts: scores ``(n, C)`` and labels ``(n,)`` of some samples each.
        class_counts: training samples of each class, ``(C,)``.
        many: classes with more training samples are many-shot.
        few: classes with fewer training samples are few-shot.

    Returns:
        ``metrics`` of :class:`mmgala.evaluation.LongTailedAccuracy`;
        ``class_accuracy`` ``(C,)``; ``class_mass`` ``(C,)``: sum of each class's
        scores over that of uniform scores; ``confusion``, see
        :func:`group_confusion`; ``reliability``, see :func:`reliability`.
    """
    metric = LongTailedAccuracy(many=many, few=few)
    metric.dataset_meta = dict(class_counts=class_counts.tolist())
    mass = torch.zeros(len(class_counts), dtype=torch.float64)
    best: list[tuple[Tensor, Tensor, Tensor]] = []
    for scores, labels in parts:
        samples = zip(scores, labels, strict=True)
        metric.process(None, [dict(pred_score=s, gt_label=t) for s, t in samples])
        mass += scores.sum(dim=0, dtype=torch.float64)
        best.append((*scores.max(dim=1), labels))
    columns = (torch.cat(column).numpy() for column in zip(*best, strict=True))
    confidence, predicted, target = columns
    correct = predicted == target
    metrics = metric.evaluate(len(target))
    groups = named_groups(class_counts, many, few)
    return {
        'metrics': {key.split('/')[-1]: value for key, value in metrics.items()},
        'class_accuracy': listed(class_accuracy(correct, target, len(mass))),
        'class_mass': listed(mass.numpy() * len(mass) / len(target)),
        'confusion': group_confusion(target, predicted, groups),
        'reliability': reliability(confidence, correct, metric.num_bins),
    }


def group_confusion(
    target: np.ndarray, predicted: np.ndarray, groups: dict[str, np.ndarray]
) -> dict:
    """Which shot groups' classes are taken for which.

    Args:
        target: labels, ``(N,)``.
        predicted: predicted classes, ``(N,)``.
        groups: G groups, which together hold every class once.

    Returns:
        ``groups``, their names, and ``values`` ``(G, G)``: percent of the samples of
        the row's classes that are predicted to be any of the column's.
    """
    size = len(groups)
    group_of = np.empty(sum(map(len, groups.values())), dtype=np.int64)
    for index, classes in enumerate(groups.values()):
        group_of[classes] = index
    pairs = group_of[target] * size + group_of[predicted]
    counts = np.bincount(pairs, minlength=size**2).reshape(size, size)
    percent = _ratio(100 * counts, counts.sum(axis=1, keepdims=True))
    return {'groups': list(groups), 'values': [listed(row) for row in percent]}


def reliability(
    confidence: np.ndarray, correct: np.ndarray, num_bins: int = 15
) -> dict:
    """Confidence against accuracy (Guo et al., ICML 2017, figure 1).

    Args:
        confidence: largest score of each sample, ``(N,)``.
        correct: whether its class is the true one, ``(N,)``.
        num_bins: bins of equal width.

    Returns:
        Mean ``confidence`` and ``accuracy``, both from 0 to 1, and ``count`` of
        samples, of each bin. The mean of ``|accuracy - confidence|``, weighted by
        ``count``, is the ``ece`` of :class:`mmgala.evaluation.LongTailedAccuracy`,
        which is in percent.
    """
    # Edges and clamp are those of the metric and of torchmetrics' calibration error.
    edges = torch.linspace(0, 1, num_bins + 1, dtype=torch.float64)
    values = torch.from_numpy(confidence).double().clamp(0, 1 - 1e-12)
    index = (torch.bucketize(values, edges, right=True) - 1).numpy()
    count, conf, hits = (
        np.bincount(index, weights=weights, minlength=num_bins)
        for weights in (None, values.numpy(), correct)
    )
    return {
        'confidence': listed(_ratio(conf, count)),
        'accuracy': listed(_ratio(hits, count)),
        'count': count.tolist(),
    }


def class_accuracy(
    correct: np.ndarray, target: np.ndarray, num_classes: int
) -> np.ndarray:
    """Accuracy of each class in percent, ``(C,)``; NaN without samples."""
    hits = np.bincount(target, weights=correct, minlength=num_classes)
    return _ratio(100 * hits, np.bincount(target, minlength=num_classes))


def named_groups(
    class_counts: Sequence[int] | np.ndarray, many: int = 100, few: int = 20
) -> dict[str, np.ndarray]:
    """Class indices of ``many``, ``medium`` and ``few``; only groups with classes."""
    groups = shot_groups(torch.as_tensor(class_counts), many, few)
    names = ('many', 'medium', 'few')
    return {n: g.numpy() for n, g in zip(names, groups, strict=True) if len(g)}


def nan_mean(rows: np.ndarray) -> np.ndarray:
    """Mean of each row over what is not NaN; NaN where all is."""
    known = ~np.isnan(rows)
    return _ratio(np.where(known, rows, 0).sum(axis=1), known.sum(axis=1))


def listed(values: np.ndarray) -> list[float | None]:
    """Floats for JSON, which has no NaN."""
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    result = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)


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
            (:func:`mmgala.evaluation.choose_post_hoc`).
        many: classes with more training samples are many-shot.
        few: classes with fewer training samples are few-shot.
        target_prior: class shares of the test set, ``(C,)`` with sum 1.

    Returns:
        ``num_samples``; ``tau``; ``raw`` and ``rebalanced``, see
        :func:`mmgala.analysis.predictions.summarise`; ``tau_curve``: lists
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
    parts = [
        (scores[rows], targets[rows]) for rows in row_slices(*dump.scores.shape)
    ]  # views
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
    for rows in row_slices(*dump.scores.shape):
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
