"""Differences between rows of a comparison: in accuracy, of groups and of classes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import convolve
from scipy.stats import binom

from mmgala.analysis.intervals import (
    CONFIDENCE,
    Estimate,
    Interval,
    Variance,
    difference_estimate,
    image_weights,
    simultaneous,
)
from mmgala.analysis.rows import Row, leading_metric


class Differences:
    """Differences between rows, from one test set.

    The variance over the seeds is pooled over all methods, as in an analysis of
    variance: a few seeds of one method alone say little about it. Where two rows vary
    more than that, their own variance is taken.

    Args:
        rows: of the table.
        targets: class of each test image, ``(N,)``.
    """

    def __init__(self, rows: Sequence[Row], targets: np.ndarray) -> None:
        self.rows = rows
        self.targets = targets
        self.class_mean = leading_metric(targets) == 'class_mean'

    def between(self, first: Row, row: Row, confidence: float = CONFIDENCE) -> Interval:
        """``row`` minus ``first`` in the leading metric."""
        return self.estimate(first, row).interval(confidence)

    def from_first(self, first: Row | None) -> dict[str, Interval]:
        """Differences of the other rows from the first, by name; none without one.

        Each interval has a confidence of 95 % by itself.
        """
        if first is None:
            return {}
        others = [row for row in self.rows if row.name != first.name]
        return {row.name: self.between(first, row) for row in others}

    def all_from(self, first: Row) -> dict[str, Interval]:
        """The same with intervals that hold all together with 95 % confidence."""
        others = [row for row in self.rows if row.name != first.name]
        confidence = simultaneous(len(others))
        return {row.name: self.between(first, row, confidence) for row in others}

    def level_with_highest(self) -> list[Row]:
        """The highest row, then those that it does not exceed beyond chance.

        With a probability of 95 %, they include the row that is truly best: as it is
        compared with each other row, one of these differences is wrong with at most 5 %
        (Bonferroni's form of Hsu's multiple comparisons with the best, *Annals of
        Statistics*, 1984).
        """
        lead = leading_metric(self.targets)
        best = max(self.rows, key=lambda row: row.mean(lead))
        behind = self.all_from(best)
        level = [row for row in self.rows if row is not best]
        return [best, *(row for row in level if behind[row.name].high >= 0)]

    def of_groups(
        self, first: Row, row: Row, groups: Mapping[str, np.ndarray]
    ) -> dict[str, Interval]:
        """``row`` minus ``first`` in the mean of each group of classes.

        Args:
            first: row to compare with.
            row: another row.
            groups: class indices by name, each with test images.

        Returns:
            Intervals that hold all together with 95 % confidence.
        """
        confidence = simultaneous(len(groups))
        return {
            name: self.estimate(first, row, classes).interval(confidence)
            for name, classes in groups.items()
        }

    def of_classes(
        self, first: Row, row: Row, groups: Mapping[str, np.ndarray]
    ) -> list['ClassChange']:
        """``row`` minus ``first`` in the accuracy of each class with test images.

        The variance over the seeds is pooled over the classes of a group.

        Args:
            first: row to compare with.
            row: another row.
            groups: class indices by name, which have all classes with test images.
        """
        changes = []
        for classes in groups.values():
            images = [np.flatnonzero(self.targets == c) for c in classes]
            alike = [
                self._values(first, row, i, np.full(len(i), 1 / len(i))) for i in images
            ]
            pooled = _within([values for _, of_all in alike for values in of_all])
            for label, inside, (own, _) in zip(classes, images, alike, strict=True):
                seeds = _scaled(pooled, own, self._scale(first, row))
                changes.append(_class_change(first, row, int(label), inside, seeds))
        changes.sort(key=lambda change: change.index)
        adjusted = holm(np.array([change.p_value for change in changes]))
        return [
            replace(change, p_value=float(p))
            for change, p in zip(changes, adjusted, strict=True)
        ]

    def estimate(
        self, first: Row, row: Row, classes: np.ndarray | None = None
    ) -> Estimate:
        """``row`` minus ``first`` in the leading metric.

        Args:
            first: row to compare with.
            row: another row.
            classes: classes whose mean is compared instead; indices, ``(K,)``.
        """
        inside = (
            np.arange(len(self.targets))
            if classes is None
            else np.flatnonzero(np.isin(self.targets, classes))
        )
        class_mean = self.class_mean or classes is not None
        targets = self.targets[inside]
        weights = image_weights(targets, class_mean)
        own, alike = self._values(first, row, inside, weights)
        return difference_estimate(
            first.correct[:, inside],
            row.correct[:, inside],
            targets,
            class_mean=class_mean,
            seeds=_scaled(_within(alike), own, self._scale(first, row)),
        )

    def _values(
        self, first: Row, row: Row, inside: np.ndarray, weights: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Samples over the seeds whose variance counts: of both rows, and of all."""

        def means(of: Row) -> np.ndarray:
            return of.correct[:, inside] @ weights

        if same_trainings(first, row):  # so only their differences vary
            alike = [means(b) - means(a) for a, b in self._same_steps(first, row)]
            return [means(row) - means(first)], alike
        own = [means(first), means(row)]
        return own, [means(one) for one in self._one_of_each_method(row.post_hoc)]

    @staticmethod
    def _scale(first: Row, row: Row) -> float:
        """Variance of a difference, relative to that of one value."""
        if same_trainings(first, row):
            return 1 / len(row.seeds)
        return 1 / len(first.seeds) + 1 / len(row.seeds)

    def _same_steps(self, first: Row, row: Row) -> list[tuple[Row, Row]]:
        """Pairs of rows, of any method, whose post-hoc steps are those of the two."""
        return [
            (a, b)
            for a in self.rows
            for b in self.rows
            if same_trainings(a, b)
            and (a.post_hoc, b.post_hoc) == (first.post_hoc, row.post_hoc)
        ]

    def _one_of_each_method(self, post_hoc: str) -> list[Row]:
        """A row of each method, with these post-hoc steps where there is one."""
        found = {row.method: row for row in reversed(self.rows)}
        found |= {row.method: row for row in self.rows if row.post_hoc == post_hoc}
        return list(found.values())


@dataclass(frozen=True)
class ClassChange:
    """How the accuracy of a class differs between two rows.

    Attributes:
        index: of the class.
        before: accuracy in the first row, in percent.
        after: in the other row.
        images: number of test images of the class.
        p_value: of no difference; in results, adjusted for the number of classes.
    """

    index: int
    before: float
    after: float
    images: int
    p_value: float

    @property
    def gain(self) -> float:
        """Difference in percentage points."""
        return self.after - self.before

    @property
    def beyond_chance(self) -> bool:
        """Whether the difference is significant at 5 %."""
        return self.p_value < 1 - CONFIDENCE


def same_trainings(first: Row, row: Row) -> bool:
    """Whether two rows differ in post-hoc steps only."""
    return first.method == row.method and list(first.seeds) == list(row.seeds)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number (Holm, *Scandinavian J. of Statistics*, 1979).

    Args:
        p_values: ``(M,)``.

    Returns:
        ``(M,)``; those below 5 % are significant, with at most 5 % risk of any error.

    Examples:
        >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def sign_flip_p_value(before: np.ndarray, after: np.ndarray) -> float:
    """Two-sided p-value of no difference on the images of one class; exact.

    If two methods are equally good on an image, its difference is as likely to be
    positive as negative. All choices of signs are considered (Fisher, *The Design of
    Experiments*, 1935, section 21). With one seed each, this is McNemar's exact test.

    Args:
        before: whether each image is classified correctly, ``(seeds, n)``.
        after: the same for another method, ``(other_seeds, n)``.
    """
    scale = math.lcm(len(before), len(after))
    gains = after.sum(axis=0, dtype=np.int64) * (scale // len(after))
    gains -= before.sum(axis=0, dtype=np.int64) * (scale // len(before))
    sizes, counts = np.unique(np.abs(gains[gains != 0]), return_counts=True)
    chances = np.ones(1)  # of each sum of flipped gains, from -total to total
    for size, count in zip(sizes, counts, strict=True):
        step = np.zeros(2 * size * count + 1)
        step[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = convolve(chances, step)
    total = len(chances) // 2
    extreme = np.abs(np.arange(-total, total + 1)) >= abs(int(gains.sum()))
    return float(min(max(chances[extreme].sum(), 0.0), 1.0))


def _class_change(
    first: Row, row: Row, label: int, inside: np.ndarray, seeds: Variance
) -> ClassChange:
    before, after = first.correct[:, inside], row.correct[:, inside]
    p_value = sign_flip_p_value(before, after)
    if p_value < 1 - CONFIDENCE and seeds.value:
        targets = np.zeros(len(inside), dtype=int)
        estimate = difference_estimate(before, after, targets, seeds=seeds)
        p_value = max(p_value, estimate.p_value())
    return ClassChange(
        label,
        100 * before.mean().item(),
        100 * after.mean().item(),
        len(inside),
        p_value,
    )


def _scaled(
    pooled: tuple[float, int], own: Sequence[np.ndarray], scale: float
) -> Variance:
    """The pooled variance of one value, or that within ``own`` if larger, scaled."""
    value, freedom = pooled
    return Variance(scale * max(value, _within(own)[0]), max(freedom, 1))


def _within(samples: Sequence[np.ndarray]) -> tuple[float, int]:
    """Variance within the samples, and its degrees of freedom; 0 without any."""
    freedom = sum(len(values) - 1 for values in samples)
    squares = sum(float(((v - v.mean()) ** 2).sum()) for v in samples)
    return (squares / freedom if freedom else 0.0), freedom
