"""Balanced softmax."""

from collections.abc import Sequence

from mmgala.models.losses.logit_adjustment import LogitAdjustmentLoss
from mmgala.registry import MODELS


@MODELS.register_module()
class BalancedSoftmaxLoss(LogitAdjustmentLoss):
    r"""Balanced softmax (Ren et al., NeurIPS 2020, arXiv 2007.10740).

    Cross-entropy on :math:`z_j + \log n_j`: :class:`LogitAdjustmentLoss` with
    :math:`\tau = 1`, derived independently.

    Args:
        num_classes: C.
        class_counts: training samples of each class, for use without
            :class:`mmgala.engine.ClassCountsHook`.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Shape and errors are those of :class:`LogitAdjustmentLoss`.
    """

    def __init__(
        self,
        num_classes: int,
        class_counts: Sequence[int] | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, 1.0, class_counts, reduction, loss_weight)
