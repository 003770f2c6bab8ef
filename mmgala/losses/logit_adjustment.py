"""Logit-adjusted cross-entropy and balanced softmax."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mmgala.functional.checks import check_not_negative
from mmgala.functional.class_priors import log_class_prior
from mmgala.losses.adjustment import LogitAdjustment
from mmgala.losses.class_counts_loss import ClassCountsLoss


class LogitAdjustmentLoss(ClassCountsLoss):
    r"""Logit-adjusted cross-entropy (Menon et al., ICLR 2021, arXiv 2007.07314).

    Cross-entropy on :math:`z_j + \tau \log \pi_j`; see
    :func:`mmgala.functional.logit_adjusted_loss`. For the adjustment after training,
    see ``mmgala test --logit-adjustment``.

    Args:
        num_classes: C, the number of classes.
        tau: :math:`\tau`, 0 or more; 0 is cross-entropy.
        class_counts: training samples of each class (not labels), for use without
            :class:`mmgala.engine.ClassCountsHook`;
            :func:`mmgala.functional.class_counts_of` counts them.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Shape:
        - ``cls_score``: ``(N, C)`` logits.
        - ``label``: ``(N,)`` class indices or ``(N, C)`` soft labels.
        - ``weight``: ``(N,)``.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Raises:
        ValueError: if an argument or shape is invalid, or class counts are unknown.

    Examples:
        >>> import torch
        >>> loss = LogitAdjustmentLoss(2, class_counts=[3, 1])
        >>> loss(torch.zeros(1, 2), torch.tensor([1]))  # log(4)
        tensor(1.3863)
    """

    log_prior: Tensor

    def __init__(
        self,
        num_classes: int,
        tau: float = 1.0,
        class_counts: Sequence[int] | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        check_not_negative('tau', tau)
        self.tau = tau
        self.start_counts(class_counts)

    def compute_vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        """Logarithm of the class prior."""
        return dict(log_prior=log_class_prior(class_counts))

    def adjustment(self) -> LogitAdjustment:
        """The logarithm of the class prior times the strength, on every logit."""
        self.check_counts()
        prior = self.log_prior
        return LogitAdjustment(prior if self.tau == 1 else self.tau * prior)


class BalancedSoftmaxLoss(LogitAdjustmentLoss):
    r"""Balanced softmax (Ren et al., NeurIPS 2020, arXiv 2007.10740).

    Cross-entropy on :math:`z_j + \log n_j`: :class:`LogitAdjustmentLoss` with
    :math:`\tau = 1`, derived independently.

    Args:
        num_classes: C, the number of classes.
        class_counts: training samples of each class (not labels), for use without
            :class:`mmgala.engine.ClassCountsHook`;
            :func:`mmgala.functional.class_counts_of` counts them.
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
