"""Post-hoc steps as modules, saved and deployed with the model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmgala.functional.checks import capturing, check_restored
from mmgala.functional.post_hoc import STEPS, PostHocSteps
from mmgala.functional.rebalance import check_scores, estimate_class_mass
from mmgala.modules.float32_buffers import Float32BuffersMixin
from mmgala.modules.runner import log

Vector = Sequence[float] | Tensor


class PostHocStep(Float32BuffersMixin):
    """One post-hoc step as a module; strength and per-class values are buffers.

    The mathematics is in :class:`mmgala.functional.PostHocSteps`. Subclasses name the
    step in ``NAME`` and its vectors in ``VECTORS``. A step is fitted once it has the
    first of these vectors.

    Args:
        strength: ``tau`` or temperature.
        **vectors: values of ``VECTORS``, ``(C,)`` each, or ``None``.

    Raises:
        ValueError: if the strength or a vector is invalid.
    """

    NAME: str
    VECTORS: tuple[str, ...] = ()

    def __init__(self, strength: float, **vectors: Vector | None) -> None:
        super().__init__()
        PostHocSteps.from_config(**{self.NAME: strength, **vectors})  # checks them
        self.register_buffer(self._strength_name, torch.tensor(float(strength)))
        for name in self.VECTORS:
            self.register_buffer(name, _float32(vectors[name]))

    @property
    def _strength_name(self) -> str:
        return STEPS[self.NAME].strength

    @property
    def strength(self) -> Tensor:
        """The buffer ``tau`` or ``temperature``."""
        return getattr(self, self._strength_name)

    @property
    def _num_classes(self) -> int | None:
        """Length of the required vector, 0 before the step is fitted."""
        return getattr(self, self.VECTORS[0]).numel() if self.VECTORS else None

    @property
    def fitted(self) -> bool:
        """Whether the step has its required vector, if any."""
        return self._num_classes != 0

    def values(self, num_classes: int) -> PostHocSteps:
        """This step as plain values, for scores of this many classes.

        Raises:
            ValueError: if the step is not fitted, or was fitted to another number of
                classes.
        """
        name = type(self).__name__
        if not self.fitted:
            vector = self.VECTORS[0]
            fit = 'call `fit(scores)`, ' if hasattr(self, 'fit') else ''
            raise ValueError(
                f'{name} has no {vector.replace("_", " ")} yet: {fit}pass `{vector}`, '
                'or load a checkpoint that mmgala fit wrote.'
            )
        if self._num_classes not in (None, num_classes):
            raise ValueError(
                f'{name} was fitted to {self._num_classes} classes, but the scores '
                f'have {num_classes}.'
            )
        vectors = {name: getattr(self, name) for name in self.VECTORS}
        known = {name: value for name, value in vectors.items() if value.numel()}
        # A graph that is captured depends on the buffer, not on its present value.
        strength = self.strength if capturing() else float(self.strength)
        return PostHocSteps(**{self.NAME: strength, **known})

    def transform(self, scores: Tensor) -> Tensor:
        """Apply the step to softmax scores.

        Args:
            scores: ``(N, C)``, rows summing to 1.

        Returns:
            ``(N, C)``, rows summing to 1.

        Raises:
            ValueError: see :meth:`values`.
        """
        return self.values(scores.shape[-1]).transform(scores)

    def forward(self, logits: Tensor) -> Tensor:
        """As :meth:`transform_logits`, so that a step can follow any module."""
        return self.transform_logits(logits)

    def transform_logits(self, logits: Tensor) -> Tensor:
        """Apply the step to logits; their softmax then equals :meth:`transform`.

        Args:
            logits: ``(N, C)``.

        Returns:
            ``(N, C)``, float32 or wider.

        Raises:
            ValueError: see :meth:`values`.
        """
        return self.values(logits.shape[-1]).transform_logits(logits)

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Load vectors of any length, and log a strength other than the config's.

        Raises:
            ValueError: if a stored value is negative or not finite.
        """
        for name in (self._strength_name, *self.VECTORS):
            if isinstance(stored := state_dict.get(prefix + name), Tensor):
                check_restored(prefix + name, stored)
        for name in self.VECTORS:
            stored = state_dict.get(prefix + name)
            if stored is not None:
                setattr(self, name, self.strength.new_zeros(stored.shape))
        name, own = self._strength_name, float(self.strength)
        stored = state_dict.get(prefix + name)
        if stored is not None and float(stored) != own:
            log(
                f'{STEPS[self.NAME].title.capitalize()} uses {name}={float(stored):g} '
                f'from the checkpoint, not {own:g} from the config.'
            )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def config(self) -> dict:
        """Config that builds this module; the checkpoint holds its vectors."""
        strength = str(np.float32(self.strength.item()))  # 1.2, not 1.2000000477
        kind = f'mmgala.{type(self).__name__}'
        return {'type': kind, self._strength_name: float(strength)}

    def extra_repr(self) -> str:
        """State, for ``print(model)``."""
        text = f'{self._strength_name}={float(self.strength):g}'
        return f'{text}, fitted={self.fitted}' if self.VECTORS else text


def _float32(values: Vector | None) -> Tensor:
    if values is None:
        return torch.zeros(0)
    return torch.as_tensor(values, dtype=torch.float32)


class LogitAdjuster(PostHocStep):
    """Adjust scores for the class counts of the training set.

    See :func:`mmgala.functional.logit_adjustment` for the formula (Menon et al., ICLR
    2021, arXiv 2007.07314, section 4.1).

    Args:
        tau: strength, 0 or more.
        class_counts: training samples of each class, ``(C,)``; of an epoch, where a
            wrapper such as ``RepeatDataset`` repeats them. A class without samples
            is treated like the rarest class that has samples. By default, counts come
            from a checkpoint that ``mmgala fit`` wrote.
        target_prior: class shares of the data to predict, ``(C,)`` with sum 1.
            Defaults to balanced.

    Examples:
        >>> import torch
        >>> LogitAdjuster(1.0, [90, 10]).transform(torch.tensor([[0.9, 0.1]]))
        tensor([[0.5000, 0.5000]])
    """

    NAME = 'logit_adjustment'
    VECTORS = ('class_counts', 'target_prior')

    def __init__(
        self,
        tau: float = 1.0,
        class_counts: Vector | None = None,
        target_prior: Vector | None = None,
    ) -> None:
        super().__init__(tau, class_counts=class_counts, target_prior=target_prior)


class PredictionRebalancer(PostHocStep):
    r"""Re-balance scores by a class mass that was fitted earlier.

    Fitted on unlabelled data it is inductive: it works on single images. See
    :func:`mmgala.functional.rebalance` for the formula (arXiv 2403.09036, section
    3.3).

    Args:
        tau: strength, 0 or more.
        class_mass: sum of each class's scores over unlabelled data, ``(C,)``. By
            default call :meth:`fit` or load a fitted checkpoint.
        target_prior: class shares of the data to predict, ``(C,)`` with sum 1.
            Defaults to balanced.

    Examples:
        >>> import torch
        >>> scores = torch.tensor([[0.9, 0.1], [0.7, 0.3]])
        >>> rebalancer = PredictionRebalancer(tau=1.0).fit(scores)
        >>> rebalancer.class_mass
        tensor([1.6000, 0.4000])
        >>> rebalancer.transform(scores[1:])  # one sample at a time
        tensor([[0.3684, 0.6316]])
    """

    NAME = 'rebalancing'
    VECTORS = ('class_mass', 'target_prior')

    def __init__(
        self,
        tau: float = 1.0,
        class_mass: Vector | None = None,
        target_prior: Vector | None = None,
    ) -> None:
        super().__init__(tau, class_mass=class_mass, target_prior=target_prior)

    def fit(self, scores: Tensor) -> 'PredictionRebalancer':
        """Estimate the class mass from the scores of unlabelled data.

        Args:
            scores: softmax scores ``(N, C)`` of data with balanced classes (or with the
                class shares in ``target_prior``).

        Returns:
            Itself.

        Raises:
            ValueError: if ``scores`` are not probabilities, or there are fewer samples
                than classes.
        """
        check_scores(scores)
        self.class_mass = estimate_class_mass(scores).to(self.strength)
        return self


class TemperatureScaler(PostHocStep):
    """Divide the logits by a temperature.

    See :func:`mmgala.functional.temperature_scale` (Guo et al., ICML 2017, arXiv
    1706.04599, section 4.2).

    Args:
        temperature: above 0. Values above 1 make scores less confident.

    Examples:
        >>> TemperatureScaler(2.0).transform(torch.tensor([[0.8, 0.2]]))
        tensor([[0.6667, 0.3333]])
    """

    NAME = 'temperature'

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__(temperature)
