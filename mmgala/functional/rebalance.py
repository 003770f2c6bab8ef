r"""Prediction re-balancing and post-hoc logit adjustment of softmax scores.

A classifier that is biased towards some classes gives them too much probability mass
in total. Prediction re-balancing (arXiv 2403.09036, section 3.3) divides each class's
scores by a power of that mass, logit adjustment by a power of its training count.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mmgala.functional.checks import (
    capturing,
    check_class_vector,
    check_finite_scores,
)
from mmgala.functional.class_priors import fill_absent_classes

# Beyond it, float32 would round the scores away, and then the classes' differences.
LARGEST_TAU = 1000.0


def check_tau(tau: float | Tensor) -> None:
    """Check the strength of re-balancing or logit adjustment.

    Raises:
        ValueError: if it is negative, above ``LARGEST_TAU`` or NaN.
    """
    if isinstance(tau, Tensor) and capturing():
        return
    if not 0 <= tau <= LARGEST_TAU:
        raise ValueError(
            f'Expected `tau` to be a finite number from 0 to {LARGEST_TAU:g}, but got '
            f'{tau}. 0 leaves scores unchanged, 1 divides by the class mass or counts.'
        )


def check_target_prior(target_prior: Tensor, num_classes: int) -> None:
    """Check the class shares of a test set.

    Raises:
        ValueError: if it is not ``(num_classes,)``, non-negative, with sum 1.
    """
    check_class_vector('target_prior', target_prior, num_classes)
    if capturing():
        return
    total = float(target_prior.sum())
    if abs(total - 1) > 1e-3:
        raise ValueError(
            f'Expected `target_prior` to sum to 1, but got {total:.6g}. Divide the '
            'class counts by their sum.'
        )


def class_shares(class_counts: Sequence[float] | Tensor) -> Tensor:
    """Class shares of a data set, as a ``target_prior``.

    Args:
        class_counts: number of samples of each class, ``(C,)``.

    Returns:
        ``(C,)`` float64 with sum 1.

    Raises:
        ValueError: if a count is negative or not finite, or all are 0.

    Examples:
        >>> class_shares([6, 3, 1])
        tensor([0.6000, 0.3000, 0.1000], dtype=torch.float64)
    """
    counts = torch.as_tensor(class_counts, dtype=torch.float64)
    check_class_vector('class_counts', counts, counts.numel())
    return counts / counts.sum()


def log_prior_adjustment(
    class_mass: Tensor, tau: float | Tensor = 1.0, target_prior: Tensor | None = None
) -> Tensor:
    r"""Vector of per-class values that re-balancing adds to the logits.

    .. math:: \tau \left( \log(\pi_j C) - \log \bar S_j \right),
        \qquad \bar S_j = S_j C / \sum_k S_k

    The softmax of the sum gives the normalised re-balanced scores without computing
    probabilities that underflow.

    Args:
        class_mass: :math:`S`, sum of each class's scores, ``(C,)``, on any scale.
        tau: strength, 0 or more.
        target_prior: :math:`\pi`, the test set's class shares, ``(C,)`` with sum 1.
            Defaults to balanced.

    Returns:
        ``(C,)`` float64, ``-inf`` where ``target_prior`` is 0 and ``tau`` is not.

    Raises:
        ValueError: if ``class_mass``, ``tau`` or ``target_prior`` is invalid.
    """
    check_tau(tau)
    num_classes = class_mass.numel()
    class_mass = class_mass.double()
    check_class_vector('class_mass', class_mass, num_classes)
    share = class_mass * (num_classes / class_mass.sum())
    # A class of mass 0 would get an infinite boost: use the smallest normal float.
    adjustment = -share.clamp(min=torch.finfo(torch.float32).tiny).log()
    if target_prior is not None:
        target_prior = target_prior.to(adjustment)
        check_target_prior(target_prior, num_classes)
        adjustment = adjustment + (target_prior * num_classes).log()
    # With tau = 0, nothing is added, not even where the logarithm of a prior is -inf.
    return torch.where(adjustment.isinf() & (tau == 0), 0.0, tau * adjustment)


def rebalance(
    scores: Tensor,
    tau: float = 1.0,
    class_mass: Tensor | None = None,
    target_prior: Tensor | None = None,
) -> Tensor:
    r"""Re-balance softmax scores.

    .. math:: Q_{ij} \propto P_{ij} \, (\pi_j C)^\tau / S_j^\tau, \qquad
        S_j = \sum_i P_{ij}

    Without ``class_mass`` this is *transductive*: :math:`S` comes from the given
    scores, which must be a whole unlabelled test set with balanced classes (or with
    the class shares in ``target_prior``). With a ``class_mass`` fitted earlier it is
    *inductive*: samples may come one at a time.

    Args:
        scores: softmax scores, ``(N, C)``, rows summing to 1.
        tau: strength, 0 or more. 0 leaves the scores unchanged.
        class_mass: :math:`S` fitted earlier on other unlabelled data, ``(C,)``.
        target_prior: :math:`\pi`, the test set's class shares, ``(C,)`` with sum 1.
            Defaults to balanced.

    Returns:
        Scores ``(N, C)``, rows summing to 1, of the type of ``scores``.

    Raises:
        ValueError: if ``scores`` are not probabilities, if there are fewer samples
            than classes to estimate :math:`S` from, or if ``tau``, ``class_mass`` or
            ``target_prior`` is invalid.

    Examples:
        >>> scores = torch.tensor([[0.9, 0.1], [0.7, 0.3]])  # class 0 favoured
        >>> rebalance(scores)
        tensor([[0.6923, 0.3077],
                [0.3684, 0.6316]])
    """
    check_scores(scores)
    if class_mass is None:
        class_mass = estimate_class_mass(scores)
    elif class_mass.shape != scores.shape[1:]:
        check_class_vector('class_mass', class_mass, scores.shape[1])
    adjustment = log_prior_adjustment(class_mass, tau, target_prior)
    wide = torch.promote_types(scores.dtype, torch.float32)
    adjustment = adjustment.to(device=scores.device, dtype=wide)
    adjusted = scores.to(wide).log() + adjustment
    # A score of 0 stays 0, however much its class is boosted; except in a row whose
    # other classes have a prior of 0, where all adjusted scores would be 0.
    empty = (adjusted == -math.inf).all(dim=1, keepdim=True)
    return torch.where(empty, adjustment, adjusted).softmax(dim=1).to(scores.dtype)


def log_count_adjustment(
    class_counts: Tensor, tau: float | Tensor = 1.0, target_prior: Tensor | None = None
) -> Tensor:
    r"""Vector of per-class values that post-hoc logit adjustment adds to the logits.

    .. math:: \tau \left( \log(\pi_j C) - \log(n_j C / \sum_k n_k) \right)

    Args:
        class_counts: :math:`n`, training samples of each class, ``(C,)``. A class
            without samples is treated like the rarest class that has samples.
        tau: strength, 0 or more.
        target_prior: :math:`\pi`, the test set's class shares, ``(C,)`` with sum 1.
            Defaults to balanced.

    Returns:
        ``(C,)`` float64, ``-inf`` where ``target_prior`` is 0 and ``tau`` is not.

    Raises:
        ValueError: if the counts, ``tau`` or ``target_prior`` are invalid.
    """
    return log_prior_adjustment(fill_absent_classes(class_counts), tau, target_prior)


def logit_adjustment(
    scores: Tensor,
    class_counts: Tensor,
    tau: float = 1.0,
    target_prior: Tensor | None = None,
) -> Tensor:
    r"""Adjust softmax scores for the class counts of the training set.

    .. math:: Q_{ij} \propto P_{ij} \, (\pi_j / n_j)^\tau

    On a balanced test set these are the softmax scores of the logits
    :math:`z_{ij} - \tau \log n_j`. It is :func:`rebalance` with the training counts in
    place of the class mass: they are known in advance and equal for all models. Source:
    Menon et al., *Long-tail learning via logit adjustment*, ICLR 2021, arXiv
    2007.07314, section 4.1.

    Args:
        scores: softmax scores, ``(N, C)``, rows summing to 1.
        class_counts: :math:`n`, training samples of each class, ``(C,)``. A class
            without samples is treated like the rarest class that has samples.
        tau: strength, 0 or more. 0 leaves the scores unchanged.
        target_prior: :math:`\pi`, the test set's class shares, ``(C,)`` with sum 1.
            Defaults to balanced.

    Returns:
        Scores ``(N, C)``, rows summing to 1, of the type of ``scores``.

    Raises:
        ValueError: if ``scores`` are not probabilities, or the counts, ``tau`` or
            ``target_prior`` are invalid.

    Examples:
        >>> logit_adjustment(torch.tensor([[0.9, 0.1]]), torch.tensor([90, 10]))
        tensor([[0.5000, 0.5000]])
    """
    check_scores(scores)
    class_counts = torch.as_tensor(class_counts)
    check_class_vector('class_counts', class_counts, scores.shape[1])
    return rebalance(scores, tau, fill_absent_classes(class_counts), target_prior)


def check_scores(scores: Tensor) -> None:
    """Check that ``scores`` are rows of probabilities.

    Raises:
        ValueError: if they are not ``(N, C)``, finite, non-negative, with rows summing
            to 1.
    """
    if scores.ndim != 2 or not scores.is_floating_point():
        raise ValueError(
            'Expected `scores` to be a floating tensor of shape (N, C), but got shape '
            f'{tuple(scores.shape)} of {scores.dtype}.'
        )
    if capturing():
        return
    sums = scores.float().sum(dim=1)
    check_finite_scores(sums)
    if bool((scores < 0).any()) or not torch.allclose(
        sums, torch.ones_like(sums), atol=1e-2
    ):
        raise ValueError(
            'Expected `scores` to be softmax probabilities (non-negative, each row '
            'summing to 1). Apply softmax to logits first.'
        )


def estimate_class_mass(scores: Tensor) -> Tensor:
    """Sum of each class's scores over a data set, ``(C,)`` float64.

    Raises:
        ValueError: if there are fewer samples than classes.
    """
    num_samples, num_classes = scores.shape
    check_enough_samples(num_samples, num_classes)
    return scores.sum(dim=0, dtype=torch.float64)


def check_enough_samples(num_samples: int, num_classes: int) -> None:
    """Check that there are enough samples to estimate a class mass from.

    Raises:
        ValueError: if there are fewer samples than classes.
    """
    if num_samples < num_classes:
        raise ValueError(
            f'Re-balancing cannot estimate the mass of {num_classes} classes from '
            f'{num_samples} samples: use a whole data set, or a `class_mass` fitted '
            'earlier (mmgala fit).'
        )
