"""What post-hoc modules that add a vector to the logits have in common."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmgala.functional.checks import check_class_vector
from mmgala.functional.rebalance import (
    check_target_prior,
    check_tau,
    log_prior_adjustment,
    rebalance,
)
from mmgala.models.float32_buffers import Float32BuffersMixin


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
