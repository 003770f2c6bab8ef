"""Vector-scaling loss."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mmgala.functional.checks import check_not_negative
from mmgala.functional.class_priors import log_class_prior, vector_scaling_factors
from mmgala.functional.losses import vector_scaling_loss
from mmgala.losses.adjustment import LogitAdjustment
from mmgala.losses.class_counts_loss import ClassCountsLoss


class VectorScalingLoss(ClassCountsLoss):
    r"""Vector-scaling (VS) loss (Kini et al., NeurIPS 2021, arXiv 2103.01550).

    Cross-entropy on :math:`\Delta_j z_j + \iota_j` with
    :math:`\Delta_j = (n_j / n_{max})^\gamma` and :math:`\iota_j = \tau \log \pi_j`; see
    :func:`mmgala.functional.vector_scaling_loss`. The offsets act early in
    training, the factors once the model fits the training set.

    Both strengths have to suit the data set. The defaults are those of the authors'
    command for CIFAR10-LT with imbalance factor 100 (README of
    ``github.com/orparask/VS-Loss``; the defaults of their script, 0.3 and 1, are not
    the setting of any published result). They are too strong for many classes: for
    CIFAR100-LT, use ``gamma=0.05, tau=0.75``, as later work does
    (``github.com/scongl/Focal-SAM``).

    Args:
        num_classes: C, the number of classes.
        gamma: :math:`\gamma`, 0 or more; 0 is logit adjustment.
        tau: :math:`\tau`, 0 or more.
        class_counts: training samples of each class (not labels), for use without
            :class:`mmgala.engine.ClassCountsHook`;
            :func:`mmgala.functional.class_counts_of` counts them.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Shape and errors are those of :class:`LogitAdjustmentLoss`.
    """

    factors: Tensor
    offsets: Tensor

    def __init__(
        self,
        num_classes: int,
        gamma: float = 0.2,
        tau: float = 1.2,
        class_counts: Sequence[int] | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        check_not_negative('gamma', gamma)
        check_not_negative('tau', tau)
        self.gamma = gamma
        self.tau = tau
        self.start_counts(class_counts)

    def compute_vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        """Factor and offset of each class's logit."""
        return dict(
            factors=vector_scaling_factors(class_counts, self.gamma),
            offsets=self.tau * log_class_prior(class_counts),
        )

    def adjustment(self) -> LogitAdjustment | None:
        """The offsets, if there are no factors: it is logit adjustment then."""
        if self.gamma:
            return None
        self.check_counts()
        return LogitAdjustment(bias=self.offsets)

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Cross-entropy on scaled and shifted logits."""
        return vector_scaling_loss(cls_score, label, self.factors, self.offsets)
