"""Prediction re-balancing as a module that is fitted once and then deployed."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmgala.functional.checks import check_class_vector
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


@MODELS.register_module()
class PredictionRebalancer(Float32BuffersMixin):
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
        >>> scores = torch.tensor([[0.9, 0.1], [0.7, 0.3]])
        >>> rebalancer = PredictionRebalancer(tau=1.0).fit(scores)
        >>> rebalancer.class_mass
        tensor([1.6000, 0.4000])
        >>> rebalancer.transform(scores[1:])  # one sample at a time
        tensor([[0.3684, 0.6316]])
    """

    tau: Tensor
    class_mass: Tensor
    target_prior: Tensor

    def __init__(
        self,
        tau: float = 1.0,
        class_mass: Sequence[float] | Tensor | None = None,
        target_prior: Sequence[float] | Tensor | None = None,
    ) -> None:
        super().__init__()
        check_tau(tau)
        mass, prior = _vector(class_mass), _vector(target_prior)
        if class_mass is not None:
            check_class_vector('class_mass', mass, mass.numel())
        if target_prior is not None:
            check_target_prior(prior, len(mass) or prior.numel())
        self.register_buffer('tau', torch.tensor(float(tau)))
        self.register_buffer('class_mass', mass)
        self.register_buffer('target_prior', prior)

    @property
    def fitted(self) -> bool:
        """Whether there is a class mass."""
        return self.class_mass.numel() > 0

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

    def transform(self, scores: Tensor) -> Tensor:
        """Re-balance softmax scores.

        Args:
            scores: ``(N, C)``, rows summing to 1.

        Returns:
            ``(N, C)``, rows summing to 1.

        Raises:
            ValueError: if it is not fitted, or fitted to another number of classes.
        """
        self._check_fitted(scores.shape[-1])
        return rebalance(scores, float(self.tau), self.class_mass, self._prior)

    def adjust(self, logits: Tensor) -> Tensor:
        """Re-balance logits: their softmax is :meth:`transform` of their softmax.

        Args:
            logits: ``(N, C)``.

        Returns:
            ``(N, C)``, float32 or wider.

        Raises:
            ValueError: if it is not fitted, or fitted to another number of classes.
        """
        self._check_fitted(logits.shape[-1])
        adjustment = log_prior_adjustment(self.class_mass, float(self.tau), self._prior)
        return logits + adjustment.float()

    @property
    def _prior(self) -> Tensor | None:
        return self.target_prior if self.target_prior.numel() else None

    def _check_fitted(self, num_classes: int) -> None:
        if not self.fitted:
            raise ValueError(
                'PredictionRebalancer has no class mass yet: fit it with '
                'tools/fit_rebalancer.py and load the checkpoint that it writes.'
            )
        if self.class_mass.numel() != num_classes:
            raise ValueError(
                f'PredictionRebalancer was fitted to {self.class_mass.numel()} '
                f'classes, but the scores have {num_classes}.'
            )

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Take the number of classes, and ``tau``, from the checkpoint."""
        for name in ('class_mass', 'target_prior'):
            stored = state_dict.get(prefix + name)
            if stored is not None:
                setattr(self, name, self.tau.new_zeros(stored.shape))
        stored_tau = state_dict.get(prefix + 'tau')
        if stored_tau is not None and float(stored_tau) != float(self.tau):
            print_log(
                f'Re-balancing uses tau={float(stored_tau):g} from the checkpoint, '
                f'not {float(self.tau):g} from the config.',
                logger='current',
            )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        """State, for ``print(model)``."""
        return f'tau={float(self.tau):g}, fitted={self.fitted}'


def _vector(values: Sequence[float] | Tensor | None) -> Tensor:
    if values is None:
        return torch.zeros(0)
    return torch.as_tensor(values, dtype=torch.float32)
