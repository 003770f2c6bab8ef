"""GALA loss with the statistics that it accumulates during training."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgala.functional import (
    gala_margin,
    gradient_sum_from_loss,
    logit_gradient_sums,
    margin_cross_entropy,
)
from mmgala.functional.checks import check_logits_and_target
from mmgala.models.losses.base import (
    check_eps,
    check_num_classes,
    check_reduction,
    reduce_loss,
)
from mmgala.models.losses.gradient_statistics import GradientStatistics
from mmgala.registry import MODELS

VARIANTS = ('paper', 'official')


@MODELS.register_module()
class GALALoss(GradientStatistics):
    r"""Gradient-aware logit adjustment loss (arXiv 2403.09036).

    Cross-entropy on logits that are moved by two statistics of the training so far,
    :math:`\theta_j` (``pos_grad``: positive gradient that class vector :math:`j` got
    from its own samples) and :math:`\phi_k` (``neg_grad``: negative gradient that
    class :math:`k`'s samples put on all other class vectors). No class-frequency
    file is needed. See :func:`mmgala.functional.gala_margin` for the formula.

    After the margins of a batch are computed, the batch adds its sums to the
    statistics: once per forward in training mode, summed over all ranks, never in
    eval mode or without gradients. They are float32 whatever the model's type, and
    part of the checkpoint.

    Args:
        num_classes: C.
        lambda_pos: :math:`\lambda_+`, weight of :math:`\log\theta`.
        lambda_neg: :math:`\lambda_-`, weight of :math:`\log\phi`. **It has no effect
            in the official variant**, where softmax cancels it.
        variant: ``'paper'``, the published formula, or ``'official'``, what the
            authors' code computes: :math:`\lambda_+ \log(\theta_j + \epsilon)` on
            every logit, the label's too, and :math:`\theta` a running sum of running
            sums of batch means.
        eps: :math:`\epsilon`.
        count_share: :math:`\alpha`, from 0 to 1. **Not in the paper, and off by
            default.** :math:`\theta` grows with a class's frequency and with its
            difficulty, so that a hard class is treated as a frequent one. With
            :math:`\alpha`, :math:`(\theta_j + \epsilon)^{1 - \alpha} (n_j +
            \epsilon)^\alpha` takes the place of :math:`\theta_j + \epsilon`, and
            likewise for :math:`\phi`, with :math:`n_j` the samples of class j seen so
            far: counted while training, as all of GALA's statistics are. At 1,
            difficulty is left out, and what remains is balanced softmax on these
            counts. ``docs/gala_in_practice.md`` has what it gains.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss; the statistics do not depend on it.

    Shape:
        - ``cls_score``: ``(N, C)`` logits.
        - ``label``: ``(N,)`` class indices or ``(N, C)`` soft labels (mixup, CutMix).
        - ``weight``: ``(N,)``; a sample counts that often, in the loss and in the
          statistics, so 0 leaves the statistics untouched.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Attributes:
        pos_grad (Tensor): :math:`\theta`, ``(C,)`` float32 buffer.
        neg_grad (Tensor): :math:`\phi`, ``(C,)`` float32 buffer.
        seen (Tensor): :math:`n`, ``(C,)`` float32 buffer, where ``count_share`` is not
            0.

    Raises:
        ValueError: on arguments out of range, shapes that do not fit or (on the CPU)
            labels out of range.

    Examples:
        >>> loss = GALALoss(num_classes=3)
        >>> logits = torch.zeros(2, 3, requires_grad=True)
        >>> loss(logits, torch.tensor([0, 1]))
        tensor(1.0986, grad_fn=<MeanBackward0>)
        >>> loss.pos_grad
        tensor([0.6667, 0.6667, 0.0000])
    """

    running_sums: Tensor

    def __init__(
        self,
        num_classes: int,
        lambda_pos: float = 1.0,
        lambda_neg: float = 1.0,
        variant: str = 'paper',
        eps: float = 1e-3,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        count_share: float = 0.0,
    ) -> None:
        check_num_classes(num_classes)
        super().__init__(num_classes, count_classes=count_share != 0)
        if variant not in VARIANTS:
            raise ValueError(
                f'Expected `variant` to be one of {VARIANTS}, but got {variant!r}.'
            )
        if not 0 <= count_share <= 1:
            raise ValueError(
                f'Expected `count_share` to be between 0 and 1, but got {count_share}.'
            )
        if count_share and variant == 'official':
            raise ValueError(
                "`count_share` is for variant='paper': the official variant is to "
                "reproduce the authors' code."
            )
        check_eps(eps)
        check_reduction(reduction)
        self.num_classes = num_classes
        self.lambda_pos = lambda_pos
        self.lambda_neg = lambda_neg
        self.variant = variant
        self.eps = eps
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.count_share = count_share
        if variant == 'official':
            self.register_buffer('running_sums', torch.zeros(2, num_classes))

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
            cls_score: logits, ``(N, C)``.
            label: class indices ``(N,)`` or soft labels ``(N, C)``.
            weight: weight of each sample, ``(N,)``.
            avg_factor: divisor of the mean instead of N.
            reduction_override: used instead of ``reduction``.

        Returns:
            The loss; 0 for an empty batch with reduction ``'mean'`` or ``'sum'``.
        """
        reduction = reduction_override or self.reduction
        check_reduction(reduction)
        self._check(cls_score, label)
        if weight is not None:
            weight = weight.float()
        loss, batch_sums = self._loss(cls_score, label)
        if self._counts(reduction_override):
            self._accumulate(*batch_sums(weight), self._samples(label, weight))
        return reduce_loss(loss, weight, reduction, avg_factor, self.loss_weight)

    def _counts(self, reduction_override: str | None) -> bool:
        """Whether a forward adds to the statistics."""
        return self.training and torch.is_grad_enabled()

    def _check(self, cls_score: Tensor, label: Tensor) -> None:
        check_logits_and_target(cls_score, label)
        if cls_score.shape[1] != self.num_classes:
            raise ValueError(
                f'GALALoss was built with num_classes={self.num_classes}, but the '
                f'logits have {cls_score.shape[1]} columns. Set both to the number of '
                'classes of the data set.'
            )

    def _loss(
        self, cls_score: Tensor, label: Tensor
    ) -> tuple[Tensor, Callable[[Tensor | None], tuple[Tensor, Tensor]]]:
        """Unreduced loss, and a function from sample weights to gradient sums."""
        pos_level, neg_level = self._levels()
        log_pos = (pos_level + self.eps).log_().mul_(self.lambda_pos)
        if not label.is_floating_point():
            if self.variant == 'official':
                label_margin = log_pos
            else:
                label_margin = (neg_level + self.eps).log_().mul_(self.lambda_neg)
            loss = margin_cross_entropy(cls_score, label, log_pos, label_margin)

            def hard_sums(weight: Tensor | None) -> tuple[Tensor, Tensor]:
                pos = gradient_sum_from_loss(loss, label, self.num_classes, weight)
                return pos, pos  # theta == phi

            return loss, hard_sums
        if self.variant == 'official':
            margin = log_pos
        else:
            margin = gala_margin(
                pos_level,
                neg_level,
                label,
                self.lambda_pos,
                self.lambda_neg,
                self.eps,
            )
        adjusted = cls_score + margin  # float32 or wider, as the margin is
        loss = F.cross_entropy(adjusted, label.to(adjusted.dtype), reduction='none')
        return loss, lambda weight: logit_gradient_sums(adjusted, label, weight)

    def _levels(self) -> tuple[Tensor, Tensor]:
        """What stands for theta and phi in the margins, ``(C,)`` each."""
        if not self.count_share:
            return self.pos_grad, self.neg_grad
        counts = (self.seen + self.eps) ** self.count_share
        pos, neg = (
            (statistic + self.eps) ** (1 - self.count_share) * counts - self.eps
            for statistic in (self.pos_grad, self.neg_grad)
        )
        return pos, neg

    @torch.no_grad()
    def _samples(self, label: Tensor, weight: Tensor | None) -> int | Tensor:
        """Samples of the batch, of each class if these are counted."""
        if not self.count_classes:
            return len(label)
        if label.is_floating_point():
            shares = label.float()
            return (shares if weight is None else shares * weight[:, None]).sum(dim=0)
        ones = self.seen.new_ones(len(label)) if weight is None else weight
        return torch.zeros_like(self.seen).index_add_(0, label.long(), ones)

    def _add(self, pos: Tensor, neg: Tensor, samples: int | Tensor) -> None:
        if self.variant == 'official':
            # The authors divide by the batch size: the one of all ranks together.
            batch_size = pos.new_zeros(1) + samples
            self.running_sums += torch.stack((pos, neg)) / batch_size.clamp(min=1)
            pos, neg = self.running_sums * (batch_size > 0)  # nothing seen, no step
        super()._add(pos, neg, samples)

    def extra_repr(self) -> str:
        """Arguments, for ``print(model)``."""
        no_effect = ' (no effect)' if self.variant == 'official' else ''
        return (
            f'num_classes={self.num_classes}, variant={self.variant!r}, '
            f'lambda_pos={self.lambda_pos}, lambda_neg={self.lambda_neg}{no_effect}, '
            f'eps={self.eps}, count_share={self.count_share}, '
            f'reduction={self.reduction!r}, loss_weight={self.loss_weight}'
        )
