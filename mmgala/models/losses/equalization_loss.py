"""Softmax equalization loss, which the GALA paper compares with."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models.losses.utils import weight_reduce_loss
from torch import Tensor, nn

from mmgala.functional import equalization_loss
from mmgala.models.losses.checks import check_num_classes, check_reduction
from mmgala.registry import MODELS


@MODELS.register_module()
class EqualizationLoss(nn.Module):
    r"""Softmax equalization loss (SEQL) of Tan et al. (CVPR 2020, arXiv 2003.05176).

    Cross-entropy that mostly leaves rare classes out of the softmax of other classes'
    samples, so that those do not push the rare class vectors away. It stands here for
    the equalization loss that the GALA paper compares with. See
    :func:`mmgala.functional.equalization_loss` for the formula.

    :math:`\beta` is drawn anew in each forward, for each sample and class, as the
    authors do (issue 9 of their repository ``tztztztztz/eql.detectron2``), from
    PyTorch's default generator. It is drawn in training mode only: in eval mode no
    class is ignored, and the loss is cross-entropy.

    Unlike :class:`GALALoss` it needs to know how often each class occurs in training.
    :class:`mmgala.engine.ClassCountsHook` counts the training set and hands the counts
    to it before the first step, so no config holds them.

    Args:
        num_classes: C.
        ignore_prob: :math:`\gamma`, the probability of :math:`\beta = 1`.
        tail_threshold: :math:`\lambda`. A class with a smaller share of the training
            samples is tail; one without any is, too. A threshold fits one data set:
            the default is what public implementations take for CIFAR-100-LT, where
            it makes 52 of 100 classes tail (imbalance factor 100).
        class_counts: training samples of each class, for use without the hook.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Shape:
        - ``cls_score``: ``(N, C)`` logits.
        - ``label``: ``(N,)`` class indices or ``(N, C)`` soft labels.
        - ``weight``: ``(N,)``.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Attributes:
        class_counts (Tensor): ``(C,)`` int64 buffer, part of the checkpoint; zeros
            before they are known.
        tail (Tensor): ``(C,)`` boolean buffer, :math:`T_\lambda(f)`.

    Raises:
        ValueError: on arguments out of range, shapes that do not fit, or training
            without class counts.

    Examples:
        >>> loss = EqualizationLoss(3, 1.0, 0.1, class_counts=[90, 9, 1])
        >>> loss(torch.zeros(2, 3), torch.tensor([0, 2]))  # log(1) and log(2)
        tensor(0.3466)
    """

    class_counts: Tensor
    tail: Tensor

    def __init__(
        self,
        num_classes: int,
        ignore_prob: float = 0.9,
        tail_threshold: float = 5e-3,
        class_counts: Sequence[int] | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_num_classes(num_classes)
        for name, value in (
            ('ignore_prob', ignore_prob),
            ('tail_threshold', tail_threshold),
        ):
            if not 0 <= value <= 1:
                raise ValueError(
                    f'Expected `{name}` to be between 0 and 1, but got {value}.'
                )
        check_reduction(reduction)
        self.num_classes = num_classes
        self.ignore_prob = ignore_prob
        self.tail_threshold = tail_threshold
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.register_buffer('class_counts', torch.zeros(num_classes).long())
        self.register_buffer('tail', torch.zeros(num_classes).bool(), persistent=False)
        self._counted = False  # to ask the buffer, the host would wait for the device
        if class_counts is not None:
            self.set_class_counts(class_counts)

    def set_class_counts(self, class_counts: Sequence[int]) -> None:
        """Take the number of training samples of each class.

        Args:
            class_counts: C counts.

        Raises:
            ValueError: if they are not C, or negative, or all zero.
        """
        counts = torch.as_tensor(class_counts)
        if counts.shape != (self.num_classes,):
            raise ValueError(
                f'Expected `class_counts` to hold {self.num_classes} values, one per '
                f'class, but got shape {tuple(counts.shape)}.'
            )
        if bool((counts < 0).any()) or not bool(counts.any()):
            raise ValueError(
                'Expected `class_counts` to be 0 or more, and not all 0, but got '
                f'values from {int(counts.min())} to {int(counts.max())}.'
            )
        self.class_counts.copy_(counts)
        self._find_tail()

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Compute the loss.

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
        if cls_score.shape[1:] != (self.num_classes,):
            raise ValueError(
                f'EqualizationLoss was built with num_classes={self.num_classes}, but '
                f'got logits of shape {tuple(cls_score.shape)}. Set both to the number '
                'of classes of the data set.'
            )
        if weight is not None:
            weight = weight.float()
        loss = equalization_loss(cls_score, label, self._draw_ignored(cls_score))
        if reduction == 'mean' and len(loss) == 0:
            reduction, avg_factor = 'sum', None  # a mean over nothing would be NaN
        loss = weight_reduce_loss(loss, weight, reduction, avg_factor)
        return loss if self.loss_weight == 1 else self.loss_weight * loss

    def _draw_ignored(self, cls_score: Tensor) -> Tensor:
        """Which classes to ignore for which samples of other classes, ``(N, C)``."""
        if not self.training:
            return torch.zeros_like(cls_score, dtype=torch.bool)
        if not self._counted:
            raise ValueError(
                'EqualizationLoss needs the class counts of the training set: add '
                "custom_hooks=[dict(type='mmgala.ClassCountsHook')] to the config."
            )
        draws = torch.rand(
            cls_score.shape, dtype=torch.float32, device=cls_score.device
        )
        return self.tail & (draws < self.ignore_prob)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._find_tail()

    def _find_tail(self) -> None:
        counts = self.class_counts.cpu().double()  # exact, and not on every device
        self._counted = bool(counts.any())
        self.tail.copy_(counts / counts.sum() < self.tail_threshold)

    def extra_repr(self) -> str:
        """Arguments, for ``print(model)``."""
        return (
            f'num_classes={self.num_classes}, ignore_prob={self.ignore_prob}, '
            f'tail_threshold={self.tail_threshold}, reduction={self.reduction!r}, '
            f'loss_weight={self.loss_weight}'
        )
