"""Choose the test images that a report shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

PER_CLASS = 4  # images
MOST_CLASSES = 100  # with images
MOST_MISTAKES = 12  # of a run, raw and re-balanced
MOST_MISTAKES_OF_ALL = 240
MOST_OF_PAIR = 3  # mistakes of one true class for one other


@dataclass(frozen=True)
class Guesses:
    """Predicted class and its score for each test sample.

    Attributes:
        predicted: ``(N,)`` int64.
        confidence: ``(N,)`` float32 in [0, 1].
    """

    predicted: np.ndarray
    confidence: np.ndarray


# Guesses of one run, raw and re-balanced.
RunGuesses = Mapping[str, Guesses]


def choose_samples(
    targets: np.ndarray, runs: Sequence[RunGuesses | None], num_classes: int
) -> dict[str, Any] | None:
    """Choose images of classes, and the confident mistakes of each run.

    Classes are all of them or, if there are more than 100, those whose accuracy differs
    most between the first run and the others (between raw and re-balanced predictions
    if there is one run). Images of a class are those that the runs agree least on.

    Args:
        targets: labels of the test samples, ``(N,)``.
        runs: raw and re-balanced guesses of each run; None for runs without.
        num_classes: C, the number of classes.

    Returns:
        ``rows``: the chosen samples in order, S row numbers of the test set;
        ``classes``: their labels; ``of_class``: positions in ``rows`` of the images of
        each chosen class; ``runs``: for each run, for each kind of predictions,
        ``predicted`` (S), ``confidence`` (S) and ``mistakes``, positions in ``rows`` of
        the mistakes with the highest confidence, at most 3 of each pair of classes.
        None if no run has predictions.
    """
    known = [run for run in runs if run is not None]
    if not known:
        return None
    by_class = {
        c: _rows_of_class(np.flatnonzero(targets == c), targets, known)
        for c in _changed_classes(targets, known, num_classes)
    }
    each = max(2, min(MOST_MISTAKES, MOST_MISTAKES_OF_ALL // (2 * len(known))))
    mistakes = [
        {kind: _mistakes(targets, guesses, each) for kind, guesses in run.items()}
        for run in known
    ]
    rows = np.unique(
        np.concatenate(
            [*by_class.values(), *(r for run in mistakes for r in run.values())]
        )
    ).astype(np.int64)
    found = iter(mistakes)
    return {
        'rows': rows.tolist(),
        'classes': targets[rows].tolist(),
        'of_class': {
            str(c): np.searchsorted(rows, own).tolist() for c, own in by_class.items()
        },
        'runs': [run and _describe(run, next(found), rows) for run in runs],
    }


def _describe(
    run: RunGuesses, mistakes: Mapping[str, np.ndarray], rows: np.ndarray
) -> dict[str, Any]:
    return {
        kind: {
            'predicted': guesses.predicted[rows].tolist(),
            'confidence': guesses.confidence[rows].astype(np.float64).tolist(),
            'mistakes': np.searchsorted(rows, mistakes[kind]).tolist(),
        }
        for kind, guesses in run.items()
    }


def _mistakes(targets: np.ndarray, guesses: Guesses, most: int) -> np.ndarray:
    """Rows of the wrong predictions with the highest confidence, varied in classes."""
    wrong = np.flatnonzero(guesses.predicted != targets)
    order = wrong[np.argsort(-guesses.confidence[wrong], kind='stable')]
    seen: Counter[tuple[int, int]] = Counter()
    rows: list[int] = []
    for row in order.tolist():
        pair = int(targets[row]), int(guesses.predicted[row])
        seen[pair] += 1
        if seen[pair] <= MOST_OF_PAIR:
            rows.append(row)
        if len(rows) == most:
            break
    return np.array(rows, dtype=np.int64)


def _changed_classes(
    targets: np.ndarray, runs: Sequence[RunGuesses], num_classes: int
) -> list[int]:
    """Classes whose accuracy differs most, at most :data:`MOST_CLASSES`."""
    if num_classes <= MOST_CLASSES:
        return list(range(num_classes))
    size = np.bincount(targets, minlength=num_classes)
    hits = [
        {
            kind: np.bincount(targets[g.predicted == targets], minlength=num_classes)
            for kind, g in run.items()
        }
        for run in runs
    ]
    pairs = [
        (before, run[kind]) for run in hits[1:] for kind, before in hits[0].items()
    ] or [(hits[0]['raw'], hits[0]['rebalanced'])]
    queues = []
    for before, after in pairs:
        change = (after - before) / np.maximum(size, 1)
        order = np.argsort(change, kind='stable')  # lost most first
        queues += [order, order[::-1]]
    chosen: dict[int, None] = {}
    for place in zip(*queues, strict=True):
        chosen |= dict.fromkeys(int(c) for c in place if size[c])
        if len(chosen) >= MOST_CLASSES:
            break
    return list(chosen)[:MOST_CLASSES]


def _rows_of_class(
    own: np.ndarray, targets: np.ndarray, runs: Sequence[RunGuesses]
) -> np.ndarray:
    """Rows of the samples of a class that the runs agree least on, in order."""
    right = np.mean(
        [g.predicted[own] == targets[own] for run in runs for g in run.values()], axis=0
    )
    order = np.argsort(np.abs(right - 0.5), kind='stable')
    return np.sort(own[order[:PER_CLASS]])
