"""Post-hoc logit adjustment as a module that is deployed with the model."""

from collections.abc import Sequence

from torch import Tensor

from mmgala.functional.class_counts import fill_absent_classes
from mmgala.models.prior_adjuster import PriorAdjuster
from mmgala.registry import MODELS


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
