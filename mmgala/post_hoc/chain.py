"""Several post-hoc steps in one module."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from mmgala.functional.post_hoc import STEPS, PostHocSteps
from mmgala.post_hoc.steps import (
    LogitAdjuster,
    PostHocStep,
    PredictionRebalancer,
    TemperatureScaler,
)


class PostHocChain(nn.Module):
    """Several post-hoc steps: logit adjustment, then re-balancing, then temperature.

    Args:
        steps: configs or modules, in that order, each kind at most once.

    Raises:
        ValueError: if there are no steps, or they are in the wrong order.

    Examples:
        >>> import torch
        >>> adjuster = LogitAdjuster(1.0, [90, 10])
        >>> chain = PostHocChain([adjuster, TemperatureScaler(2.0)])
        >>> chain.transform(torch.tensor([[0.9, 0.1]]))
        tensor([[0.5000, 0.5000]])
    """

    steps: Any  # a ModuleList; type checkers regard its items as plain modules

    def __init__(self, steps: Sequence[dict | nn.Module]) -> None:
        super().__init__()
        modules = [self.build_step(s) if isinstance(s, dict) else s for s in steps]
        names = [getattr(module, 'NAME', None) for module in modules]
        if not names or names != [name for name in STEPS if name in names]:
            found = ', '.join(type(module).__name__ for module in modules) or 'none'
            raise ValueError(
                'Expected `steps` to be post-hoc steps in this order, each at most '
                f'once: {", ".join(step.title for step in STEPS.values())}; but got '
                f'{found}.'
            )
        self.steps = nn.ModuleList(modules)

    @staticmethod
    def build_step(config: dict) -> nn.Module:
        """Build a step from its config; ``mmgala.models`` puts its registry's here.

        Raises:
            TypeError: if nothing has imported ``mmgala.models``.
        """
        raise TypeError(
            f'Expected modules in `steps`, but got a config: {config}. Pass modules; '
            'to build configs with OpenMMLab, import mmgala.models.'
        )

    @property
    def fitted(self) -> bool:
        """Whether every step is fitted."""
        return all(step.fitted for step in self.steps)

    def transform(self, scores: Tensor) -> Tensor:
        """Apply all steps to softmax scores; see :meth:`PostHocStep.transform`."""
        for step in self.steps:
            scores = step.transform(scores)
        return scores

    def forward(self, logits: Tensor) -> Tensor:
        """As :meth:`transform_logits`, so that the chain can follow any module."""
        return self.transform_logits(logits)

    def transform_logits(self, logits: Tensor) -> Tensor:
        """Apply all steps to logits; see :meth:`PostHocStep.transform_logits`."""
        for step in self.steps:
            logits = step.transform_logits(logits)
        return logits

    def config(self) -> dict:
        """Config that builds this module; the checkpoint holds its vectors."""
        steps = [step.config() for step in self.steps]
        return dict(type='mmgala.PostHocChain', steps=steps)


STEP_MODULES: Mapping[str, type[PostHocStep]] = {
    kind.NAME: kind for kind in (LogitAdjuster, PredictionRebalancer, TemperatureScaler)
}
"""Module of each post-hoc step, in the order in which steps are applied."""


def build_post_hoc(steps: PostHocSteps) -> PostHocStep | PostHocChain:
    """Build the module that applies ``steps``.

    Args:
        steps: at least one; re-balancing with a class mass.

    Returns:
        The module of a single step, or a :class:`PostHocChain`.

    Raises:
        ValueError: if there is no step.
    """
    vectors = dict(
        class_counts=None if steps.class_counts is None else steps.draws,
        class_mass=steps.class_mass,
        target_prior=steps.prior,
    )
    modules = []
    for name, strength in steps.strengths.items():
        kind = STEP_MODULES[name]
        used = {vector: vectors[vector] for vector in kind.VECTORS}
        modules.append(kind(strength, **used))
    return modules[0] if len(modules) == 1 else PostHocChain(modules)
