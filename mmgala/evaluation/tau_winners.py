"""The best classes of samples under many strengths of a post-hoc step.

Re-balancing and logit adjustment add ``tau`` times a vector to the log-scores. To try
31 strengths on N x C scores takes 31 passes over all of them, though few classes can
win: of classes with a similar entry in the vector, only the best ones. Classes are
therefore sorted into groups by their entry; within a group, a class that is behind the
best by more than the entries differ can never win, and is left out. The rest, one class
in dozens, is compared exactly, so that the winners are those of the full comparison.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

NUM_GROUPS = 64
FEW_CLASSES = 256
"""Up to here, all classes are compared."""
VALUES_AT_ONCE = 2**20
"""Of the log-scores that are searched together, so that they fit into a cache."""
CLOSE = 1e-6
"""Log-scores that are closer may be equal as float32 scores, after a softmax."""


class Winners(NamedTuple):
    """The best classes of each sample.

    Attributes:
        predicted: the best class with each added vector, ``(K, N)``; in a tie, the
            lowest.
        close: samples whose two best classes almost tie with one of the vectors, or
            that were not compared, ``(N,)`` boolean.
    """

    predicted: np.ndarray
    close: np.ndarray


class WinnerSearch:
    """Finds the largest ``log_scores + vector`` of each row, for each of K vectors.

    Args:
        vectors: K vectors, ``(C,)`` each, to be added to log-scores as float32; for
            increasing strengths. They may be ``-inf``.
    """

    def __init__(self, vectors: Sequence[Tensor]) -> None:
        self._vectors = np.stack([v.float().numpy() for v in vectors])
        num_classes = self._vectors.shape[1]
        self._order = np.argsort(self._vectors[-1], kind='stable')
        self._starts = np.unique(
            np.linspace(0, num_classes, min(NUM_GROUPS, num_classes) + 1)[:-1].astype(
                int
            )
        )
        sizes = np.diff([*self._starts, num_classes])
        self._group_of = np.empty(num_classes, dtype=np.int64)
        self._group_of[self._order] = np.repeat(np.arange(len(sizes)), sizes)
        ordered = self._vectors[:, self._order].astype(np.float64)
        low = np.minimum.reduceat(ordered, self._starts, axis=1)
        high = np.maximum.reduceat(ordered, self._starts, axis=1)
        # Groups of -inf alone differ by nothing, and mixed groups by infinity.
        differences = np.where(low == high, 0.0, high - np.where(low == high, 0, low))
        self._differences = differences.max(axis=0)
        self._finite = np.isfinite(self._vectors).all(axis=0)
        finite = self._vectors[:, self._finite].astype(np.float64)
        self._range = float(np.ptp(finite, axis=1).max()) if finite.size else 0.0
        self._largest = float(np.abs(finite).max()) if finite.size else 0.0

    @property
    def compares_all(self) -> bool:
        """Whether no class is left out, as there are few."""
        return self._vectors.shape[1] <= FEW_CLASSES

    def __call__(self, log_scores: np.ndarray) -> Winners:
        """Search log-scores ``(N, C)`` float32, which may be ``-inf`` but not NaN."""
        if self.compares_all:
            return self._compare_all(log_scores)
        rows, columns, skipped = self._candidates(log_scores)
        values = log_scores[rows, columns]
        starts = np.searchsorted(rows, np.arange(len(log_scores)))
        predicted = np.empty((len(self._vectors), len(log_scores)), dtype=np.int64)
        close = skipped
        for found, vector in zip(predicted, self._vectors, strict=True):
            sums = values + vector[columns]
            best = np.maximum.reduceat(sums, starts)[rows]
            winners = np.flatnonzero(sums == best)
            first = np.unique(rows[winners], return_index=True)[1]
            found[:] = columns[winners[first]]
            with np.errstate(invalid='ignore'):  # -inf minus -inf
                behind = (sums < best) & (best - sums < CLOSE)
            close[rows[behind]] = True
        return Winners(predicted, close)

    def _compare_all(self, log_scores: np.ndarray) -> Winners:
        sums = np.empty_like(log_scores)
        predicted = np.empty((len(self._vectors), len(log_scores)), dtype=np.int64)
        for found, vector in zip(predicted, self._vectors, strict=True):
            # NumPy's argmax takes a third of the time of PyTorch's.
            np.add(log_scores, vector, out=sums)
            found[:] = sums.argmax(axis=1)
        return Winners(predicted, np.ones(len(log_scores), dtype=bool))

    def _candidates(
        self, log_scores: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows and columns of the classes that can win, and rows that are skipped."""
        ordered = log_scores[:, self._order]
        best = np.maximum.reduceat(ordered, self._starts, axis=1)
        # A class with finite entries is in reach of the winner whatever the vector.
        top = best.max(axis=1)
        if not self._finite.all():
            where = self._finite[self._order]
            top = ordered.max(axis=1, initial=-np.inf, where=where)
        skipped = ~np.isfinite(top)
        rounding = 1e-3 + 1e-6 * self._largest  # of the sums, generously
        with np.errstate(invalid='ignore'):
            reach = best - self._differences.astype(np.float32)
            reach -= rounding + 1e-6 * np.abs(best)
        lowest = top - self._range - rounding - 1e-6 * np.abs(np.where(skipped, 0, top))
        least = np.maximum(
            np.nan_to_num(reach, nan=-np.inf), lowest[:, None].astype(np.float32)
        )
        wins = log_scores >= least[:, self._group_of]
        wins[skipped, 0] = True  # each row needs one
        rows, columns = np.nonzero(wins)
        return rows, columns, skipped
