"""Losses that move or scale logits by the shares of the training classes."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mmgala.functional.checks import check_not_negative
from mmgala.functional.class_priors import log_class_prior, vector_scaling_factors
from mmgala.functional.losses import logit_adjusted_loss, vector_scaling_loss
from mmgala.models.losses.base import ClassCountsLoss
from mmgala.registry import MODELS


@MODELS.register_module()
class LogitAdjustmentLoss(ClassCountsLoss):
    r"""Logit-adjusted cross-entropy (Menon et al., ICLR 2021, arXiv 2007.07314).

    Cross-entropy on :math:`z_j + \tau \log \pi_j`; see
    :func:`mmgala.functional.logit_adjusted_loss`. For the adjustment after training,
    see ``tools/test.py --logit-adjustment``.

    Args:
        num_classes: C.
        tau: :math:`\tau`, 0 or more; 0 is cross-entropy.
        class_counts: training samples of each class, for use without
            :class:`mmgala.engine.ClassCountsHook`.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Shape:
        - ``cls_score``: ``(N, C)`` logits.
        - ``label``: ``(N,)`` class indices or ``(N, C)`` soft labels.
        - ``weight``: ``(N,)``.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Raises:
        ValueError: on arguments out of range, shapes that do not fit, or class counts
            that are not known.

    Examples:
        >>> import torch
        >>> loss = LogitAdjustmentLoss(2, class_counts=[3, 1])
        >>> loss(torch.zeros(1, 2), torch.tensor([1]))  # log(4)
        tensor(1.3863)
    """

    VECTORS = ('log_prior',)

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
        if class_counts is not None:
            self.set_class_counts(class_counts)

    def _vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        return dict(log_prior=log_class_prior(class_counts))

    def _unreduced(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        self._check_counted()
        return logit_adjusted_loss(cls_score, label, self.log_prior, self.tau)

    def _settings(self) -> dict[str, object]:
        return dict(tau=self.tau)


@MODELS.register_module()
class BalancedSoftmaxLoss(LogitAdjustmentLoss):
    r"""Balanced softmax (Ren et al., NeurIPS 2020, arXiv 2007.10740).

    Cross-entropy on :math:`z_j + \log n_j`: :class:`LogitAdjustmentLoss` with
    :math:`\tau = 1`, found from another side.

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

    def _settings(self) -> dict[str, object]:
        return {}


@MODELS.register_module()
class VectorScalingLoss(ClassCountsLoss):
    r"""Vector-scaling (VS) loss (Kini et al., NeurIPS 2021, arXiv 2103.01550).

    Cross-entropy on :math:`\Delta_j z_j + \iota_j` with
    :math:`\Delta_j = (n_j / n_{max})^\gamma` and :math:`\iota_j = \tau \log \pi_j`; see
    :func:`mmgala.functional.vector_scaling_loss`. Logit adjustment acts early in
    training, the factors act when the training set is fitted.

    Both strengths have to fit the data set. The defaults are those of the authors'
    command for CIFAR10-LT with imbalance factor 100 (README of
    ``github.com/orparask/VS-Loss``; the defaults of their script, 0.3 and 1, are not
    the setting of any published result). They are too strong for many classes: for
    CIFAR100-LT take ``gamma=0.05, tau=0.75``, as later work does
    (``github.com/scongl/Focal-SAM``).

    Args:
        num_classes: C.
        gamma: :math:`\gamma`, 0 or more; 0 is logit adjustment.
        tau: :math:`\tau`, 0 or more.
        class_counts: training samples of each class, for use without
            :class:`mmgala.engine.ClassCountsHook`.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Shape and errors are those of :class:`LogitAdjustmentLoss`.
    """

    VECTORS = ('factors', 'offsets')

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
        if class_counts is not None:
            self.set_class_counts(class_counts)

    def _vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        return dict(
            factors=vector_scaling_factors(class_counts, self.gamma),
            offsets=self.tau * log_class_prior(class_counts),
        )

    def _unreduced(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        self._check_counted()
        return vector_scaling_loss(cls_score, label, self.factors, self.offsets)

    def _settings(self) -> dict[str, object]:
        return dict(gamma=self.gamma, tau=self.tau)
