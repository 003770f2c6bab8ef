"""Seesaw loss with counts over all ranks."""

import torch
from torch import Tensor

from mmgala.functional.checks import (
    check_logits_and_target,
    check_not_negative,
    check_positive,
)
from mmgala.functional.losses import seesaw_loss
from mmgala.losses.base import ClassificationLoss
from mmgala.modules.ranks import all_reduce


class SeesawLoss(ClassificationLoss):
    r"""Seesaw loss (Wang et al., CVPR 2021, arXiv 2008.10032) for classification.

    Rare classes are spared from most of the negative gradient that frequent classes'
    samples put on them, unless they are confused with these; see
    :func:`mmgala.functional.seesaw_loss`. Like GALA it needs no class counts: it
    counts the samples of each class while it trains, this batch included.

    In a single process it gives the values of MMPretrain's ``SeesawLoss``, but counts
    are summed over all ranks, and neither validation nor samples of weight 0 add to
    them. It takes about twice as long as cross-entropy, because confusion is measured
    by a second softmax, that of the plain logits.

    Args:
        num_classes: C, the number of classes.
        p: exponent of the mitigation factor, 0 or more.
        q: exponent of the compensation factor, 0 or more.
        eps: lower bound of the label's probability, which is divided by.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Shape:
        - ``cls_score``: ``(N, C)`` logits.
        - ``label``: ``(N,)`` class indices; soft labels are rejected.
        - ``weight``: ``(N,)``.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Attributes:
        seen (Tensor): :math:`N`, samples of each class so far, ``(C,)`` int64 buffer,
            part of the checkpoint.

    Raises:
        ValueError: on soft labels, or if an argument, shape or (on the CPU) a label is
            invalid.

    Examples:
        >>> loss = SeesawLoss(2, p=1.0, q=0.0)
        >>> logits = torch.zeros(4, 2)
        >>> loss(logits, torch.tensor([0, 0, 0, 1]), reduction_override='none')
        tensor([0.2877, 0.2877, 0.2877, 0.6931])
    """

    seen: Tensor

    def __init__(
        self,
        num_classes: int,
        p: float = 0.8,
        q: float = 2.0,
        eps: float = 1e-2,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        check_positive('eps', eps)
        check_not_negative('p', p)
        check_not_negative('q', q)
        self.p = p
        self.q = q
        self.eps = eps
        self.register_buffer('seen', torch.zeros(num_classes).long())

    @property
    def statistics(self) -> dict[str, Tensor]:
        """The counts of the training so far."""
        return dict(seen=self.seen)

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Count the batch in training, then compute the loss of each sample."""
        if self.training and torch.is_grad_enabled():
            check_logits_and_target(cls_score, label)  # before labels are counted
            self._count(label, weight)
        return seesaw_loss(cls_score, label, self.seen, self.p, self.q, self.eps)

    @torch.no_grad()
    def _count(self, label: Tensor, weight: Tensor | None) -> None:
        if label.is_floating_point():
            return  # rejected by the loss
        label, weight = self.without_padding(label, weight)
        counted = torch.ones_like(label) if weight is None else weight.ne(0)
        batch = torch.zeros_like(self.seen)
        batch.index_add_(0, label.long(), counted.to(batch.dtype))
        all_reduce(batch)
        self.seen += batch
