"""Confidence intervals of accuracies and of their differences.

Accuracies vary with the choice of the test images and, between trainings, with the
seed. Both are estimated from the predictions:

* images: a test set is a sample that is stratified by class, so the variance of a
  (weighted) mean over classes is the sum of the classes' variances (Cochran, *Sampling
  Techniques*, 1977, sections 5.4 and 5A.12). Classes of one image, whose spread is
  unknown, are pooled. The two methods of a difference see the same images: the spread
  is that of the differences of each image. What varies with image and seed together
  belongs to the seeds and is left out here;
* seeds: the variance of the result over the seeds. As there are few, it is multiplied
  by the quantile of Student's t distribution, and the margins of both parts are added
  in quadrature (Zou & Donner, *Statistics in Medicine*, 2008).

As accuracies near 0 or 100 and few differing images break the normal approximation, a
few pseudo-images are added: two right and two wrong ones to an accuracy (Agresti &
Coull, *The American Statistician*, 1998), and two that are half a win, half a loss and
otherwise a tie to a difference (Agresti & Min, *Statistics in Medicine*, 2005).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An accuracy, or a difference of two, in percentage points.

    Attributes:
        mean: the estimate.
        low: lower limit of the interval.
        high: upper limit.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f'{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f})'

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval of a difference excludes 0."""
        return self.low > 0 or self.high < 0


class Variance(NamedTuple):
    """An estimated variance.

    Attributes:
        value: the estimate.
        freedom: degrees of freedom of the estimate.
    """

    value: float
    freedom: float

    def margin(self, confidence: float) -> float:
        """Half the length of an interval that has only this variance."""
        quantile = stdtrit(self.freedom, (1 + confidence) / 2)
        return float(quantile) * math.sqrt(self.value)


class _Pseudo(NamedTuple):
    """Images that are added to a sample: number, mean and variance of their values."""

    size: int
    mean: float
    variance: float


_OF_ACCURACY = _Pseudo(4, 0.5, 0.25)
_OF_DIFFERENCE = _Pseudo(2, 0.0, 0.5)
NO_VARIANCE = Variance(0.0, 1.0)


@dataclass(frozen=True)
class Estimate:
    """A mean over images and seeds, from which intervals are made.

    Attributes:
        mean: the estimate, from -1 to 1.
        centre: the same with the pseudo-images, the centre of intervals.
        images: variance from the choice of the images.
        seeds: variance from the choice of the seeds.
        least: lowest possible value.
    """

    mean: float
    centre: float
    images: Variance
    seeds: Variance
    least: float

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """Confidence interval in percentage points."""
        margin = self._margin(confidence)
        low, high = self.centre - margin, self.centre + margin
        return Interval(
            *(100 * v for v in (self.mean, max(low, self.least), min(high, 1.0)))
        )

    def p_value(self) -> float:
        """Two-sided p-value of 0: of the widest interval that excludes it."""
        distance = abs(self.centre)
        if distance <= self._margin(0.0):
            return 1.0
        if distance > self._margin(1 - 1e-15):
            return 1e-15
        return 1 - brentq(lambda c: self._margin(c) - distance, 0.0, 1 - 1e-15)

    def _margin(self, confidence: float) -> float:
        return math.hypot(self.images.margin(confidence), self.seeds.margin(confidence))


def accuracy_estimate(
    correct: np.ndarray, targets: np.ndarray, *, class_mean: bool = False
) -> Estimate:
    """Accuracy over test images and seeds.

    Args:
        correct: whether each test image is classified correctly, ``(seeds, N)``.
        targets: class of each test image, ``(N,)``.
        class_mean: whether to use the mean over classes instead of top-1.

    Raises:
        ValueError: if the shapes do not match, or there are no images.
    """
    _check(correct, targets)
    weights = image_weights(targets, class_mean)
    seeds = variance_of_mean(correct @ weights)
    mixed = _mixed_variance(correct.astype(float), weights)
    values = correct.mean(axis=0)
    return _estimate(values, targets, weights, seeds, mixed, _OF_ACCURACY)


def difference_estimate(
    first: np.ndarray,
    second: np.ndarray,
    targets: np.ndarray,
    *,
    class_mean: bool = False,
    seeds: Variance | None = None,
) -> Estimate:
    """``second``'s accuracy minus ``first``'s, on the same test images.

    With one seed each, intervals reflect the choice of the test images, but not the
    variation between trainings.

    Args:
        first: whether each test image is classified correctly, ``(seeds, N)``.
        second: the same for another method.
        targets: class of each test image, ``(N,)``.
        class_mean: whether to use the mean over classes instead of top-1.
        seeds: variance of the difference from the choice of the seeds. By default, both
            have the same seeds in the same order, and it is that of the differences.

    Raises:
        ValueError: if the shapes do not match, or there are no images.
    """
    _check(first, targets)
    _check(second, targets)
    weights = image_weights(targets, class_mean)
    if seeds is None:
        if len(first) != len(second):
            raise ValueError(
                f'Expected the same seeds of both methods, but got {len(first)} and '
                f'{len(second)} of them.'
            )
        each = second.astype(float) - first
        seeds = variance_of_mean(each @ weights)
        mixed = _mixed_variance(each, weights)
    else:
        mixed = sum(_mixed_variance(c.astype(float), weights) for c in (first, second))
    values = second.mean(axis=0) - first.mean(axis=0)
    return _estimate(values, targets, weights, seeds, mixed, _OF_DIFFERENCE)


def paired_difference(
    first: np.ndarray,
    second: np.ndarray,
    targets: np.ndarray,
    *,
    confidence: float = CONFIDENCE,
    class_mean: bool = False,
) -> Interval:
    """Interval of ``second``'s accuracy minus ``first``'s, with the same seeds.

    For the arguments see :func:`difference_estimate`.
    """
    estimate = difference_estimate(first, second, targets, class_mean=class_mean)
    return estimate.interval(confidence)


def simultaneous(comparisons: int) -> float:
    """Confidence of each of several intervals that all hold with 95 % confidence.

    Bonferroni's inequality: an error rate of 5 % is divided by their number.

    Examples:
        >>> simultaneous(1), simultaneous(5)
        (0.95, 0.99)
    """
    return 1 - (1 - CONFIDENCE) / max(1, comparisons)


def _check(correct: np.ndarray, targets: np.ndarray) -> None:
    if correct.ndim != 2 or correct.shape[1:] != targets.shape or not correct.size:
        raise ValueError(
            f'Expected paired runs of {targets.shape} samples, but got {correct.shape}.'
        )


def image_weights(targets: np.ndarray, class_mean: bool) -> np.ndarray:
    """Weight of each image in the mean over images or classes, ``(N,)``, with sum 1."""
    if not class_mean:
        return np.full(len(targets), 1 / len(targets))
    _, index, sizes = np.unique(targets, return_inverse=True, return_counts=True)
    return 1 / (len(sizes) * sizes[index])


def _estimate(
    values: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    seeds: Variance,
    mixed: float,
    pseudo: _Pseudo,
) -> Estimate:
    """Combine both variances and the pseudo-images; ``values`` are ``(N,)``."""
    images = _over_images(values, targets, weights)
    mean = float(weights @ values)
    # As precise as a simple random sample of so many images of equal spread.
    size = 1 / float((weights**2).sum())
    share = size / (size + pseudo.size)
    # Variance of the mixture of both samples, and of the mean of so many images.
    spread = share * size * max(images.value - mixed, 0.0) + (1 - share) * (
        pseudo.variance + share * (mean - pseudo.mean) ** 2
    )
    return Estimate(
        mean,
        share * mean + (1 - share) * pseudo.mean,
        Variance(spread / (size + pseudo.size), images.freedom),
        seeds,
        least=0.0 if pseudo is _OF_ACCURACY else -1.0,
    )


def _mixed_variance(values: np.ndarray, weights: np.ndarray) -> float:
    """What varies with image and seed together; ``values`` are ``(seeds, N)``.

    It is in the variance over the images of the mean over the seeds, and again in the
    variance over the seeds.
    """
    seeds = len(values)
    if seeds < 2:
        return 0.0
    means = values.mean(axis=0)
    rest = values - means - (values @ weights)[:, None] + weights @ means
    return float(weights**2 @ (rest**2).sum(axis=0)) / (seeds * (seeds - 1))


def _over_images(
    values: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> Variance:
    """Of a weighted sum over images that are sampled within each class."""
    _, index, sizes = np.unique(targets, return_inverse=True, return_counts=True)
    means = np.bincount(index, values) / sizes
    squares = np.bincount(index, (weights * (values - means[index])) ** 2)
    several = sizes > 1
    parts = squares[several] * sizes[several] / (sizes[several] - 1)
    freedom = sizes[several] - 1
    alone = ~several[index]
    if alone.any():
        pool = values[alone] if alone.sum() > 1 else values
        spread = pool.var(ddof=1) if len(pool) > 1 else 0.0
        parts = np.append(parts, spread * (weights[alone] ** 2).sum())
        freedom = np.append(freedom, max(len(pool) - 1, 1))
    total = float(parts.sum())
    if not total:
        return Variance(0.0, float(max(freedom.sum(), 1)))
    # Satterthwaite, Biometrics Bulletin, 1946.
    return Variance(total, total**2 / float((parts**2 / freedom).sum()))


def variance_of_mean(values: np.ndarray) -> Variance:
    """Of the mean over seeds; none for one seed, whose spread is unknown."""
    if len(values) < 2:
        return NO_VARIANCE
    return Variance(float(values.var(ddof=1)) / len(values), len(values) - 1)
