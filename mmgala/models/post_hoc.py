"""Post-hoc steps as modules that are deployed with the model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmgala.functional.checks import check_class_vector
from mmgala.functional.class_priors import fill_absent_classes
from mmgala.functional.post_hoc import (
    PostHocSteps,
    check_temperature,
    temperature_scale,
)
from mmgala.functional.rebalance import (
    check_scores,
    check_target_prior,
    check_tau,
    estimate_class_mass,
    log_prior_adjustment,
    rebalance,
)
from mmgala.models.float32_buffers import Float32BuffersMixin
from mmgala.registry import MODELS


class PriorAdjuster(Float32BuffersMixin):
    """Divide scores by a power of one value per class, and keep it in the checkpoint.

    Subclasses name the buffer of these values in ``VECTOR`` and tell in ``STEP`` and
    ``UNFITTED`` what to say of them.

    Args:
        tau: strength, 0 or more.
        vector: the values, ``(C,)``. Defaults to none: load a fitted checkpoint.
        target_prior: class shares of the data to predict, ``(C,)`` with sum 1.
            Defaults to balanced.

    Raises:
        ValueError: on a wrong ``tau``, vector or ``target_prior``.
    """

    VECTOR: str
    STEP: str
    UNFITTED: str

    tau: Tensor
    target_prior: Tensor

    def __init__(
        self,
        tau: float,
        vector: Sequence[float] | Tensor | None,
        target_prior: Sequence[float] | Tensor | None,
    ) -> None:
        super().__init__()
        check_tau(tau)
        values, prior = _vector(vector), _vector(target_prior)
        if vector is not None:
            check_class_vector(self.VECTOR, values, values.numel())
        if target_prior is not None:
            check_target_prior(prior, len(values) or prior.numel())
        self.register_buffer('tau', torch.tensor(float(tau)))
        self.register_buffer(self.VECTOR, values)
        self.register_buffer('target_prior', prior)

    @property
    def fitted(self) -> bool:
        """Whether there are values to divide by."""
        return getattr(self, self.VECTOR).numel() > 0

    def transform(self, scores: Tensor) -> Tensor:
        """Adjust softmax scores.

        Args:
            scores: ``(N, C)``, rows summing to 1.

        Returns:
            ``(N, C)``, rows summing to 1.

        Raises:
            ValueError: if it is not fitted, or fitted to another number of classes.
        """
        self._check_fitted(scores.shape[-1])
        return rebalance(scores, float(self.tau), self._mass(), self._prior)

    def adjust(self, logits: Tensor) -> Tensor:
        """Adjust logits: their softmax is :meth:`transform` of their softmax.

        Args:
            logits: ``(N, C)``.

        Returns:
            ``(N, C)``, float32 or wider.

        Raises:
            ValueError: if it is not fitted, or fitted to another number of classes.
        """
        self._check_fitted(logits.shape[-1])
        adjustment = log_prior_adjustment(self._mass(), float(self.tau), self._prior)
        return logits + adjustment.float()

    def _mass(self) -> Tensor:
        """What the scores are divided by, ``(C,)``."""
        return getattr(self, self.VECTOR)

    @property
    def _prior(self) -> Tensor | None:
        return self.target_prior if self.target_prior.numel() else None

    def _check_fitted(self, num_classes: int) -> None:
        name, known = type(self).__name__, getattr(self, self.VECTOR).numel()
        if not self.fitted:
            raise ValueError(
                f'{name} has no {self.UNFITTED} yet: fit it with '
                'tools/fit_rebalancer.py and load the checkpoint that it writes.'
            )
        if known != num_classes:
            raise ValueError(
                f'{name} was fitted to {known} classes, but the scores have '
                f'{num_classes}.'
            )

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Take the number of classes, and ``tau``, from the checkpoint."""
        for name in (self.VECTOR, 'target_prior'):
            stored = state_dict.get(prefix + name)
            if stored is not None:
                setattr(self, name, self.tau.new_zeros(stored.shape))
        tell_of_change(self.STEP, 'tau', self.tau, state_dict.get(prefix + 'tau'))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        """State, for ``print(model)``."""
        return f'tau={float(self.tau):g}, fitted={self.fitted}'


def tell_of_change(step: str, name: str, own: Tensor, stored: Tensor | None) -> None:
    """Log that a checkpoint's value takes the place of the config's."""
    if stored is not None and float(stored) != float(own):
        print_log(
            f'{step} uses {name}={float(stored):g} from the checkpoint, not '
            f'{float(own):g} from the config.',
            logger='current',
        )


def _vector(values: Sequence[float] | Tensor | None) -> Tensor:
    if values is None:
        return torch.zeros(0)
    return torch.as_tensor(values, dtype=torch.float32)


@MODELS.register_module()
class LogitAdjuster(PriorAdjuster):
    """Adjust scores for the class counts of the training.

    All of its state is saved with the model. See
    :func:`mmgala.functional.logit_adjustment` for the formula (Menon et al., ICLR
    2021, arXiv 2007.07314, section 4.1).

    Args:
        tau: strength, 0 or more.
        class_counts: training samples of each class, ``(C,)``. A class without any
            counts like the rarest one that has some. Defaults to none: load a
            checkpoint of ``tools/fit_rebalancer.py``, which has them from the training.
        target_prior: class shares of the data to predict, ``(C,)`` with sum 1.
            Defaults to balanced.

    Raises:
        ValueError: on a wrong ``tau``, ``class_counts`` or ``target_prior``.

    Examples:
        >>> import torch
        >>> LogitAdjuster(1.0, [90, 10]).transform(torch.tensor([[0.9, 0.1]]))
        tensor([[0.5000, 0.5000]])
    """

    VECTOR = 'class_counts'
    STEP = 'Logit adjustment'
    UNFITTED = 'class counts'

    class_counts: Tensor

    def __init__(
        self,
        tau: float = 1.0,
        class_counts: Sequence[float] | Tensor | None = None,
        target_prior: Sequence[float] | Tensor | None = None,
    ) -> None:
        super().__init__(tau, class_counts, target_prior)

    def _mass(self) -> Tensor:
        return fill_absent_classes(self.class_counts)


@MODELS.register_module()
class PredictionRebalancer(PriorAdjuster):
    r"""Re-balance softmax scores by a class mass that was fitted earlier.

    Fitted on unlabelled data it is inductive: it works on single images. All of its
    state, ``tau`` included, is saved with the model. See
    :func:`mmgala.functional.rebalance` for the formula (arXiv 2403.09036, section
    3.3).

    Args:
        tau: strength, 0 or more.
        class_mass: sum of each class's scores over unlabelled data, ``(C,)``.
            Defaults to none: call :meth:`fit` or load a fitted checkpoint.
        target_prior: class shares of the data to predict, ``(C,)`` with sum 1.
            Defaults to balanced.

    Raises:
        ValueError: on a wrong ``tau``, ``class_mass`` or ``target_prior``.

    Examples:
        >>> import torch
        >>> scores = torch.tensor([[0.9, 0.1], [0.7, 0.3]])
        >>> rebalancer = PredictionRebalancer(tau=1.0).fit(scores)
        >>> rebalancer.class_mass
        tensor([1.6000, 0.4000])
        >>> rebalancer.transform(scores[1:])  # one sample at a time
        tensor([[0.3684, 0.6316]])
    """

    VECTOR = 'class_mass'
    STEP = 'Re-balancing'
    UNFITTED = 'class mass'

    class_mass: Tensor

    def __init__(
        self,
        tau: float = 1.0,
        class_mass: Sequence[float] | Tensor | None = None,
        target_prior: Sequence[float] | Tensor | None = None,
    ) -> None:
        super().__init__(tau, class_mass, target_prior)

    def fit(self, scores: Tensor) -> 'PredictionRebalancer':
        """Estimate the class mass from the scores of unlabelled data.

        Args:
            scores: softmax scores ``(N, C)`` of data whose classes are balanced (or
                shared out as ``target_prior`` says).

        Returns:
            Itself.

        Raises:
            ValueError: if these are no probabilities, or fewer samples than classes.
        """
        check_scores(scores)
        self.class_mass = estimate_class_mass(scores).to(self.class_mass)
        return self


@MODELS.register_module()
class TemperatureScaler(Float32BuffersMixin):
    """Divide the logits by a temperature, which is saved with the model.

    See :func:`mmgala.functional.temperature_scale` (Guo et al., ICML 2017, arXiv
    1706.04599, section 4.2).

    Args:
        temperature: above 0. Above 1 makes scores less certain.

    Raises:
        ValueError: on a wrong temperature.

    Examples:
        >>> TemperatureScaler(2.0).transform(torch.tensor([[0.8, 0.2]]))
        tensor([[0.6667, 0.3333]])
    """

    temperature: Tensor

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        check_temperature(temperature)
        self.register_buffer('temperature', torch.tensor(float(temperature)))

    @property
    def fitted(self) -> bool:
        """Always: any temperature will do."""
        return True

    def transform(self, scores: Tensor) -> Tensor:
        """Scale softmax scores.

        Args:
            scores: ``(N, C)``, rows summing to 1.

        Returns:
            ``(N, C)``, rows summing to 1.

        Raises:
            ValueError: if they are no probabilities.
        """
        return temperature_scale(scores, float(self.temperature))

    def adjust(self, logits: Tensor) -> Tensor:
        """Scale logits: their softmax is :meth:`transform` of their softmax.

        Args:
            logits: ``(N, C)``.

        Returns:
            ``(N, C)``, float32 or wider.
        """
        wide = torch.promote_types(logits.dtype, torch.float32)
        return logits.to(wide) / self.temperature

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        stored = state_dict.get(prefix + 'temperature')
        tell_of_change('Scaling', 'temperature', self.temperature, stored)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        """State, for ``print(model)``."""
        return f'temperature={float(self.temperature):g}'


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
