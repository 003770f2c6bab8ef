"""Choose post-hoc steps on validation data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mmgala.evaluation.strength_search import (
    TAU_GRID,
    TauSearch,
    TemperatureSearch,
    WeightedScores,
    search_logit_adjustment,
    search_rebalancing,
    search_temperature,
)
from mmgala.functional.post_hoc import PostHocSteps

# Of a step: its value, or 'auto' to choose it, or None to leave the step out.
Strength = float | Literal['auto'] | None
Vector = Sequence[float] | np.ndarray | Tensor


@dataclass(frozen=True, eq=False)
class PostHocChoice:
    """Result of :func:`choose_post_hoc`.

    Attributes:
        steps: the steps with the chosen values, and the class mass of the validation
            scores; ``steps.transform(test_scores)`` is inductive then, and
            ``steps.transductive().transform(test_scores)`` takes the mass of the test
            scores instead.
        logit_adjustment: how its ``tau`` was chosen; ``None`` if it was not.
        rebalancing: likewise.
        temperature: likewise.
    """

    steps: PostHocSteps
    logit_adjustment: TauSearch | None = None
    rebalancing: TauSearch | None = None
    temperature: TemperatureSearch | None = None

    def __str__(self) -> str:
        parts = []
        if self.logit_adjustment is not None:
            curve = self.logit_adjustment
            parts.append(f'Logit adjustment strength, on the validation set:\n{curve}')
        if self.rebalancing is not None:
            curve = self.rebalancing
            parts.append(f'Re-balancing strength, on the validation set:\n{curve}')
        if self.temperature is not None:
            parts.append(f'Temperature {self.temperature}')
        return '\n'.join(parts) or 'Nothing was to choose.'


def choose_post_hoc(
    scores: np.ndarray | Tensor,
    target: np.ndarray | Tensor,
    class_counts: Vector | None = None,
    logit_adjustment: Strength = None,
    rebalancing: Strength = None,
    temperature: Strength = None,
    target_prior: Vector | None = None,
    taus: Sequence[float] = TAU_GRID,
) -> PostHocChoice:
    """Choose post-hoc steps on labelled validation data, one after another.

    First the strength of logit adjustment by accuracy, then that of re-balancing, by
    accuracy, of the adjusted scores, then the temperature by negative log-likelihood
    of what has come out. Samples are weighted to stand for the test set's classes, in
    the class mass, too; see :class:`mmgala.evaluation.strength_search.WeightedScores`.

    Args:
        scores: softmax scores of the validation set, ``(N, C)``.
        target: its labels, ``(N,)``.
        class_counts: training samples of each class, ``(C,)``. Logit adjustment needs
            them.
        logit_adjustment: its ``tau``, or ``'auto'``. Defaults to leaving it out.
        rebalancing: its ``tau``, or ``'auto'``. Defaults to leaving it out.
        temperature: its ``T``, or ``'auto'``. Defaults to leaving it out.
        target_prior: class shares of the test set, ``(C,)`` with sum 1. Defaults to
            balanced.
        taus: strengths to try.

    Returns:
        The steps, and how they were chosen.

    Raises:
        ValueError: if there are fewer samples than classes, if anything does not fit
            the scores, or on a value that is none.

    Examples:
        >>> scores = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
        >>> target = torch.tensor([0, 0, 1])
        >>> choice = choose_post_hoc(scores, target, rebalancing='auto')
        >>> print(choice.steps)
        re-balanced with tau=0.5
        >>> choice.steps.transform(torch.tensor([[0.6, 0.4]])).argmax(dim=1)
        tensor([1])
    """
    prior = _vector(target_prior)
    data = WeightedScores(torch.as_tensor(scores), torch.as_tensor(target), prior)
    steps = PostHocSteps(
        _fixed(logit_adjustment),
        _fixed(rebalancing),
        _fixed(temperature, neutral=1.0),
        class_counts=_vector(class_counts),
        target_prior=prior,
    )
    steps.check_num_classes(data.scores.shape[1])
    adjusting = balancing = scaling = None
    if logit_adjustment == 'auto' and steps.class_counts is not None:
        adjusting = search_logit_adjustment(data, steps.class_counts, taus)
        steps = replace(steps, logit_adjustment=adjusting.tau)
    if rebalancing is not None:
        adjusted = replace(data, step=steps.adjust)
        if rebalancing == 'auto':
            balancing = search_rebalancing(adjusted, taus)
            steps = replace(steps, rebalancing=balancing.tau)
        # Scaled to what it is of balanced data: the plain sum of the scores.
        mass = adjusted.class_mass()
        steps = replace(steps, class_mass=mass * (len(data.scores) / mass.sum()))
    if temperature == 'auto':
        scaling = search_temperature(replace(data, step=steps.transform))
        steps = replace(steps, temperature=scaling.temperature)
    return PostHocChoice(steps, adjusting, balancing, scaling)


def _fixed(strength: Strength, neutral: float = 0.0) -> float | None:
    """The value of a step until it is chosen."""
    if strength is None:
        return None
    if isinstance(strength, str) and strength != 'auto':
        raise ValueError(
            "Expected the value of a post-hoc step to be a number, 'auto' or None, "
            f'but got {strength!r}.'
        )
    return neutral if strength == 'auto' else float(strength)


def _vector(values: Vector | None) -> Tensor | None:
    return None if values is None else torch.as_tensor(values, dtype=torch.float64)
