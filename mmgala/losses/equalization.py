"""Softmax equalization loss, which the GALA paper compares with."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mmgala.functional import equalization_loss
from mmgala.functional.checks import check_share
from mmgala.losses.class_counts_loss import ClassCountsLoss


class EqualizationLoss(ClassCountsLoss):
    r"""Softmax equalization loss (SEQL) of Tan et al. (CVPR 2020, arXiv 2003.05176).

    Cross-entropy that mostly leaves rare classes out of the softmax of other classes'
    samples, so that those do not push the weight vectors of rare classes away. It
    stands here for the equalization loss that the GALA paper compares with. See
    :func:`mmgala.functional.equalization_loss` for the formula.

    :math:`\beta` is drawn in each forward, for each sample and class, as the
    authors do (issue 9 of their repository ``tztztztztz/eql.detectron2``), from
    PyTorch's default generator. It is drawn in training mode only: in eval mode no
    class is ignored, and the loss is cross-entropy. Drawing a number for each logit
    takes longer than cross-entropy.

    Unlike :class:`GALALoss` it needs to know how often each class occurs in training.
    :class:`mmgala.engine.ClassCountsHook` counts the training set and passes the counts
    on before the first step, so they need not be in a config.

    Args:
        num_classes: C, the number of classes.
        ignore_prob: :math:`\gamma`, the probability of :math:`\beta = 1`.
        tail_threshold: :math:`\lambda`. A class with a smaller share of the training
            samples is a tail class; so is a class without samples. The threshold has
            to suit the data set: the default is that of public implementations for
            CIFAR100-LT, where 52 of 100 classes are tail (imbalance factor 100).
        class_counts: training samples of each class (not labels), for use without the
            hook; :func:`mmgala.functional.class_counts_of` counts them.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Shape:
        - ``cls_score``: ``(N, C)`` logits.
        - ``label``: ``(N,)`` class indices or ``(N, C)`` soft labels.
        - ``weight``: ``(N,)``.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Attributes:
        class_counts (Tensor): ``(C,)`` int64 buffer, part of the checkpoint; zeros
            until they are set.
        tail (Tensor): ``(C,)`` boolean buffer, :math:`T_\lambda(f)`.

    Raises:
        ValueError: if an argument or shape is invalid, or in training without class
            counts.

    Examples:
        >>> loss = EqualizationLoss(3, 1.0, 0.1, class_counts=[90, 9, 1])
        >>> loss(torch.zeros(2, 3), torch.tensor([0, 2]))  # log(1) and log(2)
        tensor(0.3466)
    """

    counts_in_training_only = True

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
        super().__init__(num_classes, reduction, loss_weight)
        check_share('ignore_prob', ignore_prob)
        check_share('tail_threshold', tail_threshold)
        self.ignore_prob = ignore_prob
        self.tail_threshold = tail_threshold
        self.start_counts(class_counts)

    def compute_vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        """Mask of the tail classes."""
        counts = class_counts.double()  # exact
        return dict(tail=counts / counts.sum() < self.tail_threshold)

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Cross-entropy without the ignored classes."""
        return equalization_loss(cls_score, label, self._draw_ignored(cls_score))

    def _draw_ignored(self, cls_score: Tensor) -> Tensor:
        """Mask ``(N, C)`` of the classes to ignore for samples of other classes."""
        if not self.training:
            return torch.zeros_like(cls_score, dtype=torch.bool)
        draws = torch.rand(
            cls_score.shape, dtype=torch.float32, device=cls_score.device
        )
        return draws < self.ignore_prob * self.tail
