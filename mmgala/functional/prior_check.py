r"""Whether labelled data contradict the class shares that a post-hoc step assumes.

Re-balancing and logit adjustment correct predictions towards assumed class shares
:math:`\pi`: balanced ones, or a ``target_prior``. On data with other shares they can
lose much of the accuracy. Where labels are known, :func:`contradicted_prior` decides
whether the assumption is wrong. Two conditions must hold:

* *the difference is real*: Pearson's statistic
  :math:`X^2 = \sum_j (n_j - N \pi_j)^2 / (N \pi_j)` of the N labels is larger than
  chance explains, with a probability below 0.001;
* *it is large*: the total variation distance
  :math:`\frac{1}{2} \sum_j |n_j / N - \pi_j|`, the share of samples that would have to
  belong to other classes, exceeds its mean by chance by 0.1 or more.

The first alone would complain about a large test set that is almost balanced, the
second alone about a small one that is balanced up to chance. Fewer than 10 labels
contradict nothing: the probability is an approximation, and not that good for them.

In simulations, labels drawn with the assumed shares were taken for a contradiction in
at most 0.5 % of cases, with 2 to 1,000 classes, balanced or long-tailed, and 10 to
20,000 labels. In most settings it is below 0.2 %, and it is 0 from 1,000 labels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmgala.functional.checks import check_class_vector
from mmgala.functional.rebalance import check_target_prior

MAX_PROBABILITY = 0.001
MIN_EXCESS = 0.1
MIN_LABELS = 10
REMEDY = (
    'State the class shares of the data to predict with --target-prior train, val or '
    'FILE (target_prior in a config), or leave out the correction'
)


@dataclass(frozen=True, eq=False)
class PriorContradiction:
    """Labels whose class shares are not those that were assumed.

    Attributes:
        assumed: assumed class shares, ``(C,)`` float64 with sum 1.
        seen: class shares of the labels, likewise.
        num_samples: number of labels.
        distance: total variation distance of the two, from 0 to 1.
    """

    assumed: Tensor
    seen: Tensor
    num_samples: int
    distance: float

    def describe(self, class_names: Sequence[str] = (), most: int = 3) -> str:
        """The numbers in words, with the most different classes.

        Args:
            class_names: C names. Without them, classes are numbered from 0.
            most: number of classes to list.

        Examples:
            >>> print(contradicted_prior([25, 1, 6]).describe(['daisy', 'lily', 'rose']))
            daisy 33.3 % assumed, 78.1 % seen; lily 33.3 %, 3.1 %; rose 33.3 %, 18.8 % (total variation distance 0.45, 32 labels)
        """  # noqa: E501
        order = (self.seen - self.assumed).abs().argsort(descending=True, stable=True)
        parts: list[str] = []
        for index in order[:most].tolist():
            known = len(class_names) == len(self.seen)
            name = class_names[index] if known else f'class {index}'
            words = ('', '') if parts else (' assumed', ' seen')
            shares = (self.assumed[index], self.seen[index])
            values = (f'{100 * s:.1f} %{w}' for s, w in zip(shares, words, strict=True))
            parts.append(f'{name} {", ".join(values)}')
        return (
            f'{"; ".join(parts)} (total variation distance {self.distance:.2f}, '
            f'{self.num_samples} labels)'
        )


def contradicted_prior(
    support: Sequence[int] | Tensor, target_prior: Tensor | None = None
) -> PriorContradiction | None:
    """Whether labels contradict assumed class shares; see this module.

    Args:
        support: number of labels of each class, ``(C,)``.
        target_prior: assumed class shares, ``(C,)`` with sum 1. Defaults to balanced.

    Returns:
        The contradiction, or ``None`` if there is none.

    Raises:
        ValueError: if ``support`` or ``target_prior`` is invalid.

    Examples:
        >>> contradicted_prior([3, 5, 4]) is None  # chance
        True
        >>> round(contradicted_prior([60, 30, 10]).distance, 2)
        0.27
    """
    support = torch.as_tensor(support, dtype=torch.float64)
    num_classes, total = support.numel(), int(support.sum())
    if total == 0:
        return None
    check_class_vector('support', support, num_classes)
    if target_prior is None:
        assumed = torch.full_like(support, 1 / num_classes)
    else:
        check_target_prior(target_prior, num_classes)
        assumed = target_prior.to(support) / target_prior.sum().to(support)
    if total < MIN_LABELS:
        return None
    seen = support / total
    distance = 0.5 * float((seen - assumed).abs().sum())
    if distance - _distance_by_chance(assumed, total) < MIN_EXCESS:
        return None
    if _probability(support, assumed) >= MAX_PROBABILITY:
        return None
    return PriorContradiction(assumed, seen, total, distance)


def prior_warning(
    data: str,
    found: PriorContradiction,
    class_names: Sequence[str] = (),
    remedy: str = REMEDY,
) -> str:
    """Warning that results rest on class shares which labels contradict.

    Args:
        data: what the labels are of, such as ``'the test set'``.
        found: the contradiction.
        class_names: C names, if known.
        remedy: what to do, without a full stop.
    """
    return (
        f'WARNING: the predictions were corrected for assumed class shares, but the '
        f'labels of {data} contradict them: {found.describe(class_names)}. This costs '
        f'top-1 accuracy, though not the mean over classes. {remedy}.'
    )


def _distance_by_chance(assumed: Tensor, total: int) -> float:
    r"""Approximate mean of the total variation distance of N labels by chance.

    With :math:`v_j = \pi_j (1 - \pi_j)`, the mean of :math:`|n_j / N - \pi_j|` tends to
    :math:`\sqrt{2 v_j / (3.14 N)}` with many labels, and never exceeds :math:`2 v_j`.
    """
    spread = assumed * (1 - assumed)
    return 0.5 * float(
        (spread * 2 / (math.pi * total)).sqrt().minimum(2 * spread).sum()
    )


def _probability(support: Tensor, assumed: Tensor) -> float:
    r"""Probability of so large a Pearson statistic by chance.

    The usual chi-squared distribution holds for large expected counts, but a long tail
    has classes with an expected count below 1. So the distribution is scaled to the
    exact mean :math:`k - 1` and variance :math:`2 (k - 1) + (\sum_j 1 / \pi_j - k^2 -
    2 k + 2) / N` of the statistic for k classes (Haldane, Biometrika 29, 1937).

    Args:
        support: number of labels of each class, ``(C,)`` float64.
        assumed: assumed class shares, likewise.
    """
    possible = assumed > 0
    if bool(support[~possible].any()):
        return 0.0
    shares, total = assumed[possible], support.sum()
    expected = total * shares
    statistic = ((support[possible] - expected) ** 2 / expected).sum()
    k = len(shares)
    mean = torch.as_tensor(k - 1.0, dtype=torch.float64)
    variance = 2 * mean + ((1 / shares).sum() - k**2 - 2 * k + 2) / total
    if mean <= 0 or variance <= 1e-9 * mean:  # one class, or one label
        return 1.0
    half_degrees = mean**2 / variance
    scaled = statistic * mean / variance
    return float(torch.special.gammaincc(half_degrees, scaled))
