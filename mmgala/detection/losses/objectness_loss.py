"""GALA loss for one-stage detectors: a softmax over classes times an objectness."""

from typing import Any

import torch
from mmdet.models.losses import FocalLoss
from torch import Tensor

from mmgala.functional.checks import (
    check_not_negative,
    check_region_labels,
    check_share,
    usable_weight,
)
from mmgala.models import GALALoss
from mmgala.registry import MODELS


@MODELS.register_module()
class GALAObjectnessLoss(GALALoss):
    r"""GALA loss of MMDetection's anchor and point heads, with one logit of objectness.

    **This project's extension, not the paper's**: arXiv 2403.09036 is about
    classification. In place of C sigmoids, a head has C class logits and one logit of
    objectness:

    * The class logits compete in a softmax and are trained by
      :class:`mmgala.models.GALALoss`, on foreground anchors only.
    * The objectness is a sigmoid that tells foreground from background, trained on all
      anchors by focal loss (Lin et al., ICCV 2017, arXiv 1708.02002).
    * A score is the product of both probabilities.

    It is the one-stage counterpart of ``GALABBoxLoss(background='objectness')``. See
    docs/detection.md for results.

    For heads that derive from ``AnchorHead`` or ``AnchorFreeHead`` and let MMDetection
    compute the scores, such as ``RetinaHead``, ``ATSSHead`` and ``FCOSHead``. Their
    last layer gets C + 1 outputs for each anchor because the config says
    ``use_sigmoid=False``. Not for heads that compute scores themselves: those of
    queries (DETR, DINO), ``PAAHead``, ``GFLHead``, ``FoveaHead`` or ``YOLOXHead``.

    The statistics are sums over all ranks. With
    :class:`mmgala.engine.ReduceStatisticsHook`, which ``mmgala train`` adds
    automatically, margins depend on earlier steps only, and the statistics are reduced
    once per step. Without it, each call, of one level, also depends on the earlier
    calls of its step.

    Args:
        num_classes: C, without background.
        lambda_pos: :math:`\lambda_+`, weight of :math:`\log\theta`. With both
            :math:`\lambda` 0, the classes are trained by cross-entropy.
        lambda_neg: :math:`\lambda_-`, weight of :math:`\log\phi`.
        eps: :math:`\epsilon`.
        count_share: as in :class:`mmgala.models.GALALoss`; 1 for balanced softmax on
            the foreground anchors counted during training.
        use_sigmoid: must be ``False``. Set it in the config, where heads look for it.
        gamma: focal exponent of the objectness loss.
        alpha: focal weight of foreground, and ``1 - alpha`` of background.
        class_loss_weight: factor on the loss of the classes, relative to that of the
            objectness. With 1, the classes take too large a share of the gradients
            that reach the shared layers, and boxes and objectness suffer.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss; the statistics do not depend on it.

    Shape:
        - ``cls_score``: ``(N, C + 1)`` logits, objectness last.
        - ``label``: ``(N,)`` int64 between 0 and C, which is background.
        - ``weight``: ``(N,)``; applies to the loss and to the statistics, so ignored
          anchors, which have weight 0, do not change the statistics.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Attributes:
        pos_grad (Tensor): :math:`\theta`, ``(C,)`` float32 buffer.
        neg_grad (Tensor): :math:`\phi`, ``(C,)`` float32 buffer; here equal to
            :math:`\theta`.
        seen (Tensor): weight of the foreground anchors of each class so far, ``(C,)``
            float32 buffer, where ``count_share`` is not 0.

    Raises:
        ValueError: if an argument is out of range, the head is a bbox head, the logits
            have a different number of columns or (on the CPU) a label is out of range.

    Examples:
        >>> loss = GALAObjectnessLoss(num_classes=2)
        >>> logits = torch.zeros(3, 3, requires_grad=True)
        >>> loss(logits, torch.tensor([0, 0, 2])).detach()  # the last is background
        tensor(0.1877)
        >>> loss.pos_grad
        tensor([1., 0.])
    """

    # BaseDenseHead checks this attribute before it calls `get_activation`.
    custom_cls_channels = True

    def __init__(
        self,
        num_classes: int,
        lambda_pos: float = 1.0,
        lambda_neg: float = 1.0,
        eps: float = 1e-3,
        count_share: float = 0.0,
        use_sigmoid: bool = False,
        gamma: float = 2.0,
        alpha: float = 0.25,
        class_loss_weight: float = 0.25,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(
            num_classes,
            lambda_pos,
            lambda_neg,
            eps=eps,
            reduction=reduction,
            loss_weight=loss_weight,
            count_share=count_share,
        )
        check_not_negative('gamma', gamma)
        check_share('alpha', alpha)
        check_not_negative('class_loss_weight', class_loss_weight)
        if use_sigmoid:
            raise ValueError(
                'GALAObjectnessLoss needs logits of C classes and objectness: set '
                'use_sigmoid=False in the config of the loss, where the head looks '
                'for it, instead of use_sigmoid=True.'
            )
        self.gamma = gamma
        self.alpha = alpha
        self.class_loss_weight = class_loss_weight
        self.focal = FocalLoss(gamma=gamma, alpha=alpha, reduction='none')

    def __getattr__(self, name: str) -> Any:
        """Refuse the heads that ask the loss, when they are built, for an activation.

        Those of queries do, and then compute scores with one of their own.
        """
        if name == 'use_sigmoid':
            raise AttributeError(
                'GALAObjectnessLoss is for anchor and point heads, such as RetinaHead, '
                'but this head asks for `use_sigmoid` and computes scores itself: keep '
                'its focal loss.'
            )
        return super().__getattr__(name)

    def get_cls_channels(self, num_classes: int) -> int:
        """Refuse a bbox head, which is the only caller."""
        raise ValueError(
            'GALAObjectnessLoss is for one-stage heads, but a bbox head with '
            f'num_classes={num_classes} uses it: take mmgala.GALABBoxLoss there.'
        )

    def get_activation(self, cls_score: Tensor) -> Tensor:
        """Scores ``(N, C)``, without a column for background, as dense heads need them.

        Args:
            cls_score: logits, ``(N, C + 1)``.
        """
        self._check_width(cls_score)
        classes, objectness = cls_score[:, :-1], cls_score[:, -1:]
        return classes.softmax(dim=1) * objectness.sigmoid()

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Compute the loss and, in training, update the statistics.

        Args:
            cls_score: logits, ``(N, C + 1)``.
            label: class indices ``(N,)``, C for background.
            weight: weight of each anchor, ``(N,)``.
            avg_factor: divisor of the mean instead of N.
            reduction_override: ``'mean'`` or ``'sum'``, instead of ``reduction``.

        Returns:
            A scalar, or ``(N,)`` with reduction ``'none'``; 0 if there are no anchors
            and the reduction is ``'mean'`` or ``'sum'``.
        """
        if reduction_override == 'none':
            raise ValueError(
                "GALAObjectnessLoss got reduction_override='none', by which heads such "
                'as PAAHead rank anchors: they compute scores themselves. Take '
                'RetinaHead, ATSSHead or FCOSHead, or keep focal loss.'
            )
        reduction = self.choose_reduction(reduction_override)
        self._check_width(cls_score)
        check_region_labels(label, len(cls_score), self.num_classes)
        weight = None if weight is None else usable_weight(weight)
        loss = self._objectness_loss(cls_score[:, -1:], label)
        loss = loss + self.class_loss_weight * self._class_loss(
            cls_score[:, :-1], label, weight, loss
        )
        return self.reduce(loss, weight, reduction, avg_factor)

    def _objectness_loss(self, logits: Tensor, label: Tensor) -> Tensor:
        """Focal loss of each anchor, ``(N,)``."""
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        is_background = (label == self.num_classes).long()  # class 0 of 1 is foreground
        return self.focal(logits, is_background).squeeze(1)

    def _class_loss(
        self, logits: Tensor, label: Tensor, weight: Tensor | None, like: Tensor
    ) -> Tensor:
        """GALA loss of each anchor, ``(N,)``; 0 for background.

        Only foreground rows are computed: few of all anchors.
        """
        rows = (label < self.num_classes).nonzero().squeeze(1)
        counted = None if weight is None else weight[rows]
        loss = super().compute_loss(logits[rows], label[rows], counted)
        return torch.zeros_like(like).index_add(0, rows, loss.to(like.dtype))

    def _check_width(self, cls_score: Tensor) -> None:
        if cls_score.ndim != 2 or cls_score.shape[1] != self.num_classes + 1:
            raise ValueError(
                f'GALAObjectnessLoss(num_classes={self.num_classes}) needs logits '
                f'(N, {self.num_classes + 1}), but the head gives '
                f'{tuple(cls_score.shape)}. Set num_classes of head and loss to the '
                "data set's, and use_sigmoid=False in the config of the loss, where "
                'the head looks for it.'
            )
