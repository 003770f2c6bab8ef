r"""Post-hoc steps on softmax scores: what can be mended after training.

Three steps, always in this order:

1. logit adjustment divides by a power of the *training counts*;
2. prediction re-balancing divides by a power of the *class mass*: what the model
   still favours once the counts are out, so its mass is that of the adjusted scores;
3. temperature scaling makes all scores more or less certain. It changes no ranking,
   so nothing that comes before depends on it.

Adding a vector to the logits multiplies the scores by its exponential, and dividing
the logits by a number raises the scores to a power; softmax ignores the row constant
that scores have lost. All three are therefore exact on scores.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mmgala.functional.checks import check_class_vector
from mmgala.functional.class_priors import fill_absent_classes
from mmgala.functional.rebalance import (
    check_scores,
    check_target_prior,
    check_tau,
    estimate_class_mass,
    log_prior_adjustment,
    rebalance,
)


def check_temperature(temperature: float) -> None:
    """Check a temperature.

    Raises:
        ValueError: if it is not positive and finite.
    """
    if not math.isfinite(temperature) or temperature <= 0:
        raise ValueError(
            'Expected `temperature` to be a finite number above 0, but got '
            f'{temperature}. 1 changes nothing, more makes scores less certain.'
        )


def log_count_adjustment(
    class_counts: Tensor, tau: float = 1.0, target_prior: Tensor | None = None
) -> Tensor:
    r"""What post-hoc logit adjustment adds to the logits.

    .. math:: \tau \left( \log(\pi_j C) - \log(n_j C / \sum_k n_k) \right)

    Args:
        class_counts: :math:`n`, training samples of each class, ``(C,)``. A class
            without any counts like the rarest one that has some.
        tau: strength, 0 or more.
        target_prior: :math:`\pi`, the test set's class shares, ``(C,)`` with sum 1.
            Defaults to balanced.

    Returns:
        ``(C,)`` float64, ``-inf`` where ``target_prior`` is 0 and ``tau`` is not.

    Raises:
        ValueError: on wrong counts, ``tau`` or ``target_prior``.
    """
    return log_prior_adjustment(fill_absent_classes(class_counts), tau, target_prior)


def logit_adjustment(
    scores: Tensor,
    class_counts: Tensor,
    tau: float = 1.0,
    target_prior: Tensor | None = None,
) -> Tensor:
    r"""Adjust softmax scores for the class counts of the training.

    .. math:: Q_{ij} \propto P_{ij} \, (\pi_j / n_j)^\tau

    which are the softmax scores of the logits :math:`z_{ij} - \tau \log n_j` where the
    test set is balanced. It is :func:`rebalance` with the training counts in place of
    the class mass: known beforehand and the same for every model. Source: Menon et
    al., *Long-tail learning via logit adjustment*, ICLR 2021, arXiv 2007.07314,
    section 4.1.

    Args:
        scores: softmax scores, ``(N, C)``, rows summing to 1.
        class_counts: :math:`n`, training samples of each class, ``(C,)``. A class
            without any counts like the rarest one that has some.
        tau: strength, 0 or more. 0 gives the scores back.
        target_prior: :math:`\pi`, the test set's class shares, ``(C,)`` with sum 1.
            Defaults to balanced.

    Returns:
        Scores ``(N, C)``, rows summing to 1, of the type of ``scores``.

    Raises:
        ValueError: if ``scores`` are not probabilities, or on wrong counts, ``tau`` or
            ``target_prior``.

    Examples:
        >>> logit_adjustment(torch.tensor([[0.9, 0.1]]), torch.tensor([90, 10]))
        tensor([[0.5000, 0.5000]])
    """
    check_scores(scores)
    class_counts = torch.as_tensor(class_counts)
    check_class_vector('class_counts', class_counts, scores.shape[1])
    return rebalance(scores, tau, fill_absent_classes(class_counts), target_prior)


def temperature_scale(scores: Tensor, temperature: float) -> Tensor:
    r"""Scale the temperature of softmax scores.

    .. math:: Q_{ij} \propto P_{ij}^{1 / T}

    which are the softmax scores of the logits :math:`z_{ij} / T`. Source: Guo et al.,
    *On Calibration of Modern Neural Networks*, ICML 2017, arXiv 1706.04599, section
    4.2.

    Args:
        scores: softmax scores, ``(N, C)``, rows summing to 1.
        temperature: :math:`T`, above 0. Above 1 makes them less certain.

    Returns:
        Scores ``(N, C)``, rows summing to 1, of the type of ``scores``; their order in
        each row stays.

    Raises:
        ValueError: if ``scores`` are not probabilities, or on a wrong temperature.

    Examples:
        >>> temperature_scale(torch.tensor([[0.8, 0.2]]), 2.0)  # 2 : 1 from 4 : 1
        tensor([[0.6667, 0.3333]])
    """
    check_scores(scores)
    check_temperature(temperature)
    wide = torch.promote_types(scores.dtype, torch.float32)
    return (scores.to(wide).log() / temperature).softmax(dim=1).to(scores.dtype)


@dataclass(frozen=True, eq=False)
class PostHocSteps:
    """Which post-hoc steps, and how strong: plain values, and what they do to scores.

    A step that is ``None`` is left out. The order is fixed: logit adjustment,
    re-balancing, temperature.

    Attributes:
        logit_adjustment: its ``tau``; needs ``class_counts``.
        rebalancing: its ``tau``.
        temperature: its ``T``.
        class_counts: training samples of each class, ``(C,)``.
        class_mass: mass of each class after logit adjustment, ``(C,)``. ``None``:
            transductive re-balancing, by the mass of the very scores that are given.
        target_prior: class shares of the test set, ``(C,)`` with sum 1; ``None``:
            balanced.

    Raises:
        ValueError: on a wrong ``tau``, temperature, ``class_mass`` or
            ``target_prior``.

    Examples:
        >>> scores = torch.tensor([[0.9, 0.1], [0.7, 0.3]])
        >>> steps = PostHocSteps(rebalancing=1.0, temperature=2.0)
        >>> print(steps)
        re-balanced with tau=1, over the whole test set, then scaled by temperature 2
        >>> steps.transform(scores)
        tensor([[0.6000, 0.4000],
                [0.4330, 0.5670]])
    """

    logit_adjustment: float | None = None
    rebalancing: float | None = None
    temperature: float | None = None
    class_counts: Tensor | None = None
    class_mass: Tensor | None = None
    target_prior: Tensor | None = None

    def __post_init__(self) -> None:
        for tau in (self.logit_adjustment, self.rebalancing):
            if tau is not None:
                check_tau(tau)
        if self.temperature is not None:
            check_temperature(self.temperature)
        if self.class_mass is not None:
            check_class_vector('class_mass', self.class_mass, len(self.class_mass))
        if self.target_prior is not None:
            check_target_prior(self.target_prior, len(self.target_prior))

    def check_num_classes(self, num_classes: int) -> None:
        """Check that the vectors are for this many classes, and that none is missing.

        Raises:
            ValueError: if not.
        """
        if self.logit_adjustment is not None and self.class_counts is None:
            raise ValueError(
                'Logit adjustment needs the class counts of the training, and they are '
                'not known: use a checkpoint of a training with mmgala.ClassCountsHook '
                '(it is in configs/_base_/default_runtime.py), or give `class_counts`.'
            )
        for name in ('class_counts', 'class_mass', 'target_prior'):
            vector = getattr(self, name)
            if vector is not None:
                check_class_vector(name, vector, num_classes)

    def transductive(self) -> 'PostHocSteps':
        """The same without the class mass: it will be that of the scores given."""
        return replace(self, class_mass=None)

    def fit(self, scores: Tensor) -> 'PostHocSteps':
        """The same with the class mass of these scores, ``(N, C)``: inductive.

        Raises:
            ValueError: see :func:`rebalance`.
        """
        return replace(self, class_mass=estimate_class_mass(self.adjust(scores)))

    def transform(self, scores: Tensor) -> Tensor:
        """All steps.

        Args:
            scores: softmax scores, ``(N, C)``, rows summing to 1; a whole test set
                where re-balancing is transductive.

        Returns:
            ``(N, C)``, rows summing to 1.

        Raises:
            ValueError: if these are no probabilities, or the steps do not fit them.
        """
        return self.finish(self.adjust(scores), self.class_mass)

    def adjust(self, scores: Tensor) -> Tensor:
        """The first step alone: what the class mass is taken of."""
        check_scores(scores)
        self.check_num_classes(scores.shape[1])
        if self.logit_adjustment is None or self.class_counts is None:
            return scores
        return logit_adjustment(
            scores, self.class_counts, self.logit_adjustment, self.target_prior
        )

    def finish(self, adjusted: Tensor, class_mass: Tensor | None) -> Tensor:
        """The steps after :meth:`adjust`, given the class mass."""
        scores = adjusted
        if self.rebalancing is not None:
            scores = rebalance(scores, self.rebalancing, class_mass, self.target_prior)
        if self.temperature is not None:
            scores = temperature_scale(scores, self.temperature)
        return scores

    def __str__(self) -> str:
        parts = []
        if self.logit_adjustment is not None:
            parts.append(f'logit-adjusted with tau={self.logit_adjustment:g}')
        if self.rebalancing is not None:
            over = ', over the whole test set' if self.class_mass is None else ''
            parts.append(f're-balanced with tau={self.rebalancing:g}{over}')
        if self.temperature is not None:
            parts.append(f'scaled by temperature {self.temperature:.4g}')
        return ', then '.join(parts) or 'left as they are'
