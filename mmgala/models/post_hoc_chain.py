"""Several post-hoc steps, one after another, as one module."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from mmgala.functional.post_hoc import PostHocSteps
from mmgala.models.logit_adjuster import LogitAdjuster
from mmgala.models.rebalancer import PredictionRebalancer
from mmgala.models.temperature_scaler import TemperatureScaler
from mmgala.registry import MODELS

PostHocStep = LogitAdjuster | PredictionRebalancer | TemperatureScaler
ORDER = (LogitAdjuster, PredictionRebalancer, TemperatureScaler)


@MODELS.register_module()
class PostHocChain(nn.Module):
    """Logit adjustment, then re-balancing, then temperature: any of these.

    The order is fixed. The class mass of the re-balancer is that of adjusted scores,
    and the temperature changes no ranking.

    Args:
        steps: configs or modules, in that order, each kind at most once.

    Raises:
        ValueError: if there are no steps, or another order.

    Examples:
        >>> import torch
        >>> adjuster = LogitAdjuster(1.0, [90, 10])
        >>> chain = PostHocChain([adjuster, TemperatureScaler(2.0)])
        >>> chain.transform(torch.tensor([[0.9, 0.1]]))
        tensor([[0.5000, 0.5000]])
    """

    def __init__(self, steps: Sequence[dict | nn.Module]) -> None:
        super().__init__()
        modules = [MODELS.build(s) if isinstance(s, dict) else s for s in steps]
        kinds = [type(module) for module in modules]
        if not kinds or kinds != [kind for kind in ORDER if kind in kinds]:
            raise ValueError(
                'Expected `steps` to be, in this order and each at most once, of '
                f'{", ".join(kind.__name__ for kind in ORDER)}, but got '
                f'{", ".join(kind.__name__ for kind in kinds) or "none"}.'
            )
        self.steps = nn.ModuleList(modules)

    @property
    def fitted(self) -> bool:
        """Whether every step has all that it needs."""
        return all(step.fitted for step in self.steps)

    def transform(self, scores: Tensor) -> Tensor:
        """All steps on softmax scores.

        Args:
            scores: ``(N, C)``, rows summing to 1.

        Returns:
            ``(N, C)``, rows summing to 1.

        Raises:
            ValueError: if a step is not fitted, or to another number of classes.
        """
        step: Any  # of PostHocStep, as type checkers cannot see
        for step in self.steps:
            scores = step.transform(scores)
        return scores

    def adjust(self, logits: Tensor) -> Tensor:
        """All steps on logits: their softmax is :meth:`transform` of their softmax.

        Args:
            logits: ``(N, C)``.

        Returns:
            ``(N, C)``, float32 or wider.

        Raises:
            ValueError: if a step is not fitted, or to another number of classes.
        """
        step: Any  # of PostHocStep, as type checkers cannot see
        for step in self.steps:
            logits = step.adjust(logits)
        return logits


def build_post_hoc(steps: PostHocSteps) -> nn.Module:
    """The module that does what ``steps`` say.

    Args:
        steps: at least one; re-balancing with a class mass.

    Returns:
        The module of a single step, or a :class:`PostHocChain`.

    Raises:
        ValueError: if there is no step.
    """
    modules: list[nn.Module] = []
    prior = steps.target_prior
    if (tau := steps.logit_adjustment) is not None:
        modules.append(LogitAdjuster(tau, steps.class_counts, prior))
    if (tau := steps.rebalancing) is not None:
        modules.append(PredictionRebalancer(tau, steps.class_mass, prior))
    if steps.temperature is not None:
        modules.append(TemperatureScaler(steps.temperature))
    return modules[0] if len(modules) == 1 else PostHocChain(modules)


def post_hoc_config(module: nn.Module) -> dict:
    """Config that builds this module, with the values that one likes to read.

    Vectors are left to the checkpoint.
    """
    if isinstance(module, PostHocChain):
        steps = [post_hoc_config(step) for step in module.steps]
        return dict(type='mmgala.PostHocChain', steps=steps)
    name = 'temperature' if isinstance(module, TemperatureScaler) else 'tau'
    value = np.float32(getattr(module, name))  # printed, 1.2 and not 1.2000000477
    return {'type': f'mmgala.{type(module).__name__}', name: float(str(value))}
