r"""Post-hoc steps: corrections of softmax scores after training.

Three steps, always in this order:

1. logit adjustment divides by a power of the *training counts*;
2. prediction re-balancing divides by a power of the *class mass*, the predicted class
   marginal, computed after logit adjustment: it corrects the bias that remains;
3. temperature scaling makes all scores more or less confident. It keeps the ranking of
   the classes, so no earlier step depends on it.

Adding a vector to the logits multiplies the scores by its exponential, dividing the
logits by a number takes a root of the scores, and softmax ignores the row constants by
which logits and log-scores differ. All three steps are therefore exact on scores.

:class:`PostHocSteps` describes them once: its fields are the arguments of the
evaluators and of :func:`mmgala.evaluation.choose_post_hoc`, and the keys in saved
configs and results.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor

from mmgala.functional.checks import check_class_vector
from mmgala.functional.rebalance import (
    check_scores,
    check_target_prior,
    check_tau,
    class_shares,
    estimate_class_mass,
    log_count_adjustment,
    log_prior_adjustment,
    logit_adjustment,
    rebalance,
)
from mmgala.functional.temperature import check_temperature, temperature_scale
from mmgala.names import STEP_TEXTS


@dataclass(frozen=True)
class StepInfo:
    """Description of a kind of post-hoc step, independent of its strength.

    Attributes:
        title: name in tables and messages.
        purpose: what the step does, for the help text of a command.
        strength: name of its strength, ``'tau'`` or ``'temperature'``.
        check: raises ``ValueError`` on an invalid strength.
        effect: how scores were changed, with a placeholder for the strength.
    """

    title: str
    purpose: str
    strength: str
    check: Callable[[float], None]
    effect: str


def _step(*info: Any) -> Any:
    return field(default=None, metadata={'step': StepInfo(*info)})


@dataclass(frozen=True, eq=False)
class PostHocSteps:
    """Post-hoc steps with their strengths and per-class values, as plain values.

    A step that is ``None`` is skipped. The fields of the steps come first, in the order
    in which the steps are applied.

    Attributes:
        logit_adjustment: ``tau`` of logit adjustment; needs ``class_counts``.
        rebalancing: ``tau`` of re-balancing.
        temperature: ``T`` of temperature scaling.
        class_counts: training images of each class, ``(C,)``.
        class_mass: class mass after logit adjustment, ``(C,)``. ``None`` makes
            re-balancing transductive: it uses the mass of its input scores.
        target_prior: class shares of the test set, ``(C,)`` with sum 1; ``'train'``:
            those of the training set, by ``class_counts``; ``None``: balanced.
        class_draws: training samples of each class in one epoch, ``(C,)``, if wrappers
            of the training set repeat images. Logit adjustment uses them instead of
            ``class_counts``, because the scores follow the prior of what was drawn.

    Raises:
        ValueError: if a strength or vector is invalid, or the vectors differ in length.

    Examples:
        >>> scores = torch.tensor([[0.9, 0.1], [0.7, 0.3]])
        >>> steps = PostHocSteps(rebalancing=1.0, temperature=2.0)
        >>> print(steps)
        re-balanced with tau=1 over the whole test set, then scaled by temperature 2
        >>> steps.transform(scores)
        tensor([[0.6000, 0.4000],
                [0.4330, 0.5670]])
    """

    logit_adjustment: float | None = _step(
        *STEP_TEXTS['logit_adjustment'],
        'tau',
        check_tau,
        'logit-adjusted with tau={:g}',
    )
    rebalancing: float | None = _step(
        *STEP_TEXTS['rebalancing'],
        'tau',
        check_tau,
        're-balanced with tau={:g}',
    )
    temperature: float | None = _step(
        *STEP_TEXTS['temperature'],
        'temperature',
        check_temperature,
        'scaled by temperature {:.4g}',
    )
    class_counts: Tensor | None = None
    class_mass: Tensor | None = None
    target_prior: Tensor | Literal['train'] | None = None
    class_draws: Tensor | None = None

    def __post_init__(self) -> None:
        for name, strength in self.strengths.items():
            STEPS[name].check(strength)
        if isinstance(self.target_prior, str) and self.target_prior != 'train':
            raise ValueError(
                "Expected `target_prior` to be 'train' or one number per class, but "
                f'got {self.target_prior!r}.'
            )
        if vectors := self._vectors:
            self._check_vectors(next(iter(vectors.values())).numel())

    @classmethod
    def from_config(cls, **values: Any) -> 'PostHocSteps':
        """Build from a config, in which vectors may be sequences."""
        for name in ('class_counts', 'class_draws', 'class_mass', 'target_prior'):
            if values.get(name) is not None and not isinstance(values[name], str):
                values[name] = torch.as_tensor(values[name], dtype=torch.float64)
        return cls(**values)

    @property
    def strengths(self) -> dict[str, float]:
        """Strength of each step that is applied, in order."""
        found = {name: getattr(self, name) for name in STEPS}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def needs_class_counts(self) -> bool:
        """Whether the steps depend on ``class_counts``."""
        return self.logit_adjustment is not None or isinstance(self.target_prior, str)

    @property
    def draws(self) -> Tensor:
        """``class_draws`` or, where nothing is repeated, ``class_counts``, ``(C,)``."""
        counts = self._known_counts()
        return counts if self.class_draws is None else self.class_draws

    @property
    def assumes_prior(self) -> bool:
        """Whether a step corrects predictions towards assumed class shares."""
        return any(
            strength > 0 and STEPS[name].strength == 'tau'
            for name, strength in self.strengths.items()
        )

    @property
    def prior(self) -> Tensor | None:
        """``target_prior`` in numbers, ``(C,)``; ``None`` if balanced."""
        if not isinstance(self.target_prior, str):
            return self.target_prior
        return class_shares(self._known_counts())

    def with_strength(self, name: str, strength: float | None) -> 'PostHocSteps':
        """A copy in which one step has this strength, or is skipped (``None``)."""
        changed: dict[str, Any] = {name: strength}
        return replace(self, **changed)

    def with_class_mass_of(self, scores: Tensor) -> 'PostHocSteps':
        """The inductive version: re-balancing uses the class mass of these scores.

        Args:
            scores: softmax scores, ``(N, C)``, before any step.

        Raises:
            ValueError: see :func:`rebalance`.
        """
        check_scores(scores)
        mass = estimate_class_mass(self.adjust_for_counts(scores))
        return replace(self, class_mass=mass)

    def without_class_mass(self) -> 'PostHocSteps':
        """The transductive version: re-balancing uses the mass of its input."""
        return replace(self, class_mass=None)

    def transform(self, scores: Tensor) -> Tensor:
        """Apply all steps to softmax scores.

        Args:
            scores: ``(N, C)``, rows summing to 1; a whole test set where re-balancing
                is transductive.

        Returns:
            ``(N, C)``, rows summing to 1.

        Raises:
            ValueError: if ``scores`` are not probabilities, or do not have as many
                classes as the vectors.
        """
        return self.rebalance_and_scale(self.adjust_for_counts(scores), self.class_mass)

    def adjust_for_counts(self, scores: Tensor) -> Tensor:
        """Apply logit adjustment alone: the class mass is computed from the result."""
        self.check_num_classes(scores.shape[1])
        if self.logit_adjustment is None:
            return scores
        draws = self.draws
        return logit_adjustment(scores, draws, self.logit_adjustment, self.prior)

    def rebalance_and_scale(
        self, adjusted: Tensor, class_mass: Tensor | None
    ) -> Tensor:
        """Apply the steps that follow :meth:`adjust_for_counts`.

        Args:
            adjusted: result of that method, for some or all samples, ``(N, C)``.
            class_mass: of the whole test set, or fitted earlier, ``(C,)``. ``None``
                uses that of ``adjusted``.
        """
        scores = adjusted
        if self.rebalancing is not None:
            scores = rebalance(scores, self.rebalancing, class_mass, self.prior)
        if self.temperature is not None:
            scores = temperature_scale(scores, self.temperature)
        return scores

    def transform_logits(self, logits: Tensor) -> Tensor:
        """Apply all steps to logits; their softmax then equals :meth:`transform`.

        Args:
            logits: ``(N, C)``.

        Returns:
            ``(N, C)``, float32 or wider.

        Raises:
            ValueError: if the logits do not have as many classes as the vectors, or
                re-balancing has no class mass.
        """
        self.check_num_classes(logits.shape[-1])
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        for added in self.log_adjustments():
            logits = logits + added.float()
        if self.temperature is not None:
            # A tensor: dividing by a number multiplies by its reciprocal on a GPU.
            divisor = torch.as_tensor(self.temperature, dtype=logits.dtype)
            logits = logits / divisor.to(logits.device)
        return logits

    def log_adjustments(self) -> list[Tensor]:
        """The vectors that logit adjustment and re-balancing add to the logits.

        Returns:
            One vector ``(C,)`` float64 for each of the two steps that is applied.

        Raises:
            ValueError: if class counts are unknown, or re-balancing has no class mass.
        """
        added = []
        if (tau := self.logit_adjustment) is not None:
            added.append(log_count_adjustment(self.draws, tau, self.prior))
        if (tau := self.rebalancing) is not None:
            if self.class_mass is None:
                raise ValueError('Re-balancing of logits needs a fitted `class_mass`.')
            added.append(log_prior_adjustment(self.class_mass, tau, self.prior))
        return added

    def check_num_classes(self, num_classes: int) -> None:
        """Check that the required vectors are known and have this length.

        Raises:
            ValueError: if a vector is missing or has another length.
        """
        if self.needs_class_counts:
            self._known_counts()
        self._check_vectors(num_classes)

    def _known_counts(self) -> Tensor:
        if self.class_counts is None:
            adjusts = self.logit_adjustment is not None
            what = 'Logit adjustment' if adjusts else "target_prior='train'"
            raise ValueError(
                f'{what} needs the class counts of the training set, but they are '
                'unknown: use a checkpoint trained with mmgala.ClassCountsHook (it is '
                'in configs/_base_/default_runtime.py), or pass `class_counts`.'
            )
        return self.class_counts

    @property
    def _vectors(self) -> dict[str, Tensor]:
        names = [item.name for item in fields(self) if item.name not in STEPS]
        values = {name: getattr(self, name) for name in names}
        return {name: v for name, v in values.items() if isinstance(v, Tensor)}

    def _check_vectors(self, num_classes: int) -> None:
        for name, vector in self._vectors.items():
            check_class_vector(name, vector, num_classes)
        if isinstance(self.target_prior, Tensor):
            check_target_prior(self.target_prior, num_classes)

    def __str__(self) -> str:
        parts = []
        for name, strength in self.strengths.items():
            text = STEPS[name].effect.format(strength)
            if name == 'rebalancing' and self.class_mass is None:
                text += ' over the whole test set'
            parts.append(text)
        return ', then '.join(parts) or 'left unchanged'


# The steps by the names of their fields, in the order in which they are applied.
STEPS: dict[str, StepInfo] = {
    item.name: item.metadata['step']
    for item in fields(PostHocSteps)
    if 'step' in item.metadata
}
