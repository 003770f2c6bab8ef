"""Prediction re-balancing as a module that is fitted once and then deployed."""

from collections.abc import Sequence

from torch import Tensor

from mmgala.functional.rebalance import check_scores, estimate_class_mass
from mmgala.models.prior_adjuster import PriorAdjuster
from mmgala.registry import MODELS


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
