"""GALA loss for one-stage and query detectors."""

import torch
import torch.nn.functional as F
from mmdet.models.losses import FocalLoss
from mmdet.models.losses.utils import weight_reduce_loss
from torch import Tensor

from mmgala.functional import add_sigmoid_margin, sigmoid_gradient_sums
from mmgala.functional.checks import (
    check_choice,
    check_margin_arguments,
    check_not_negative,
    check_region_labels,
    usable_weight,
)
from mmgala.functional.gala_detection import SIGMOID_BACKGROUNDS
from mmgala.losses.gradient_statistics import GradientStatistics
from mmgala.registry import MODELS


@MODELS.register_module()
class GALASigmoidLoss(GradientStatistics):
    r"""GALA loss with one sigmoid per class, in place of MMDetection's ``FocalLoss``.

    **This project's extension, not the paper's** (arXiv 2403.09036 is about softmax),
    **and for experiments**: it performed worse than focal loss, especially on rare
    classes; see docs/detection.md for the results.
    :mod:`mmgala.functional.gala_detection` derives :math:`\theta` and :math:`\phi`,
    explains why they differ here, and shows the effect of the margins.

    The loss itself is MMDetection's focal loss (Lin et al., ICCV 2017, arXiv
    1708.02002) on the logits with margins, so heads with focal loss accept it
    (``RetinaHead``, ``ATSSHead``, ``DINOHead``). The statistics are those of binary
    cross-entropy, without the focal factor, which would make a well-learnt class look
    like one without samples. A call with ``reduction_override='none'``, with which
    PAA's head ranks anchors, does not update them.

    The loss may be called several times per step, for levels or decoder layers; the
    samples of all calls count. The statistics are sums over all ranks. With
    :class:`mmgala.engine.ReduceStatisticsHook`, which ``mmgala train`` adds
    automatically, margins depend on earlier steps only, and the statistics are reduced
    once per step. Without it, each call also depends on the earlier calls of its step.

    Args:
        num_classes: C, the number of classes.
        background: margins of background samples: ``'exclude'`` for none, or
            ``'theta'`` for the term with :math:`\theta`, centred over the classes.
        lambda_pos: :math:`\lambda_+`, weight of :math:`\log\theta`.
        lambda_neg: :math:`\lambda_-`, weight of :math:`\log\phi`.
        eps: :math:`\epsilon`.
        use_sigmoid: must be ``True``. Set it in the config, where heads look for it.
        gamma: focal exponent; 0 turns the focal factor off.
        alpha: focal weight of positives, and ``1 - alpha`` of negatives; ``None``, with
            ``gamma=0`` only, for plain binary cross-entropy.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss; the statistics do not depend on it.

    Shape:
        - ``pred``: ``(N, C)`` logits, of all anchors of all images, or queries.
        - ``target``: ``(N,)`` int64 between 0 and C, which is background, or the same
          as one-hot rows ``(N, C)``, of zeros for background.
        - ``weight``: ``(N,)``, ``(N, C)`` or ``(N * C,)``; 0 leaves the statistics
          untouched.
        - Output: a scalar, or ``(N, C)`` with reduction ``'none'``.

    Attributes:
        pos_grad (Tensor): :math:`\theta`, ``(C,)`` float32 buffer.
        neg_grad (Tensor): :math:`\phi`, ``(C,)`` float32 buffer.

    Raises:
        ValueError: if an argument is out of range, the logits have a different number
            of columns or (on the CPU) a label is out of range.

    Examples:
        >>> loss = GALASigmoidLoss(num_classes=2, gamma=0.0, alpha=None)
        >>> logits = torch.zeros(3, 2, requires_grad=True)
        >>> loss(logits, torch.tensor([0, 0, 2]))  # the last is background
        tensor(0.6931, grad_fn=<MulBackward0>)
        >>> loss.pos_grad, loss.neg_grad
        (tensor([1., 0.]), tensor([1., 0.]))
    """

    def __init__(
        self,
        num_classes: int,
        background: str = 'exclude',
        lambda_pos: float = 1.0,
        lambda_neg: float = 1.0,
        eps: float = 1e-3,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float | None = 0.25,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        check_margin_arguments(lambda_pos, lambda_neg, eps)
        check_not_negative('gamma', gamma)
        check_choice('background', background, SIGMOID_BACKGROUNDS)
        if not use_sigmoid:
            raise ValueError(
                'GALASigmoidLoss needs use_sigmoid=True; mmgala.GALABBoxLoss is the '
                'softmax form, for bbox heads.'
            )
        if not 0 <= (alpha or 0) <= 1 or (gamma and alpha is None):
            raise ValueError(
                'Expected `gamma` >= 0 and `alpha` between 0 and 1, or gamma=0 and '
                f'alpha=None for plain cross-entropy, but got {gamma} and {alpha}.'
            )
        self.background = background
        self.lambda_pos = lambda_pos
        self.lambda_neg = lambda_neg
        self.eps = eps
        self.use_sigmoid = True
        self.gamma = gamma
        self.alpha = alpha
        self.focal = None
        if alpha is not None:
            self.focal = FocalLoss(
                gamma=gamma, alpha=alpha, reduction=reduction, loss_weight=loss_weight
            )

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Compute the loss and, in training, update the statistics.

        Args:
            pred: logits, ``(N, C)``.
            target: class indices ``(N,)``, C for background, or one-hot ``(N, C)``.
            weight: weight of each sample, or of each logit.
            avg_factor: divisor of the mean instead of N C.
            reduction_override: used instead of ``reduction``.
        """
        reduction = self.choose_reduction(reduction_override)
        target = self._class_indices(pred, target)
        if weight is not None:
            weight = usable_weight(weight)
            if weight.numel() != len(pred):
                weight = weight.view(pred.shape)
        adjusted = add_sigmoid_margin(
            pred,
            target,
            self.pos_grad,
            self.neg_grad,
            self.lambda_pos,
            self.lambda_neg,
            self.eps,
            self.background,
        )
        # Unreduced losses only rank samples: PAA's head computes its loss afterwards.
        if self.accumulates and reduction_override != 'none':
            sums = sigmoid_gradient_sums(adjusted, target, weight)
            self.accumulate(*sums, len(pred))
        if len(pred) == 0 and reduction == 'mean':
            reduction, avg_factor = 'sum', None  # the mean of an empty batch is NaN
        loss = self.focal or self._cross_entropy
        return loss(adjusted, target, weight, avg_factor, reduction)

    def _cross_entropy(
        self,
        logits: Tensor,
        target: Tensor,
        weight: Tensor | None,
        avg_factor: float | None,
        reduction: str,
    ) -> Tensor:
        one_hot = F.one_hot(target, self.num_classes + 1)[:, :-1].to(logits.dtype)
        loss = F.binary_cross_entropy_with_logits(logits, one_hot, reduction='none')
        if weight is not None and weight.ndim == 1:
            weight = weight[:, None]
        return self.loss_weight * weight_reduce_loss(
            loss, weight, reduction, avg_factor
        )

    def _class_indices(self, pred: Tensor, target: Tensor) -> Tensor:
        if not isinstance(target, Tensor):
            raise ValueError(
                'Expected class indices as the target of GALASigmoidLoss, but got '
                f'{type(target).__name__}: heads whose targets are qualities, as for '
                'QualityFocalLoss, are not supported.'
            )
        if pred.ndim != 2 or pred.shape[1] != self.num_classes:
            raise ValueError(
                f'GALASigmoidLoss was built with num_classes={self.num_classes}, but '
                f'the logits are {tuple(pred.shape)}. Set num_classes of head and loss '
                "to the data set's. If there is one column too many: in a bbox head, "
                'use mmgala.GALABBoxLoss; in a one-stage head, set use_sigmoid=True of '
                'the loss in the config, where the head looks for it.'
            )
        if target.shape == pred.shape:
            rows = target.sum(dim=1)
            if not bool(((target == 0) | (target == 1)).all() & (rows <= 1).all()):
                raise ValueError(
                    'Expected one-hot targets, or rows of zeros for background: '
                    'GALASigmoidLoss is for samples of one class.'
                )
            return torch.where(rows > 0, target.argmax(dim=1), self.num_classes)
        check_region_labels(target, len(pred), self.num_classes)
        return target
