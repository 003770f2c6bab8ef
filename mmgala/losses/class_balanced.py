"""Class-balanced cross-entropy and focal loss."""

import math
from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.adjusted_cross_entropy import upcast_half
from mmgala.functional.checks import check_logits_and_target, check_not_negative
from mmgala.functional.class_priors import effective_number_weights
from mmgala.functional.losses import sigmoid_focal_loss
from mmgala.losses.adjustment import LogitAdjustment
from mmgala.losses.base import at_target
from mmgala.losses.class_counts_loss import ClassCountsLoss


class ClassBalancedLoss(ClassCountsLoss):
    r"""Class-balanced softmax cross-entropy (Cui et al., CVPR 2019, arXiv 1901.05555).

    Each sample is weighted by :math:`(1 - \beta) / (1 - \beta^{n_y})`, scaled to a mean
    of 1 over the classes that have samples; see
    :func:`mmgala.functional.effective_number_weights`. The loss is averaged over
    the samples of a batch, not over their weights, so it does not depend on how samples
    are distributed over ranks.

    The default :math:`\beta` is that of the authors' script, and of their paper (table
    2) for CIFAR10-LT. For CIFAR100-LT with imbalance factor 100 the paper has 0.9 (in
    its best loss, the focal one): more classes need a smaller one.

    Args:
        num_classes: C, the number of classes.
        beta: :math:`\beta`, 0 or more and below 1; 0 is cross-entropy.
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
        >>> loss = ClassBalancedLoss(2, beta=0.5, class_counts=[3, 1])
        >>> loss(torch.zeros(1, 2), torch.tensor([1]))  # 1.2727 log(2)
        tensor(0.8822)
    """

    class_weights: Tensor

    def __init__(
        self,
        num_classes: int,
        beta: float = 0.9999,
        class_counts: Sequence[int] | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        self.beta = beta
        self.start_counts(class_counts)

    def compute_vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        """Class weights."""
        return dict(class_weights=effective_number_weights(class_counts, self.beta))

    def adjustment(self) -> LogitAdjustment | None:
        """No shift: the loss is cross-entropy, with class weights."""
        self.check_counts()
        return LogitAdjustment()

    def weigh(self, loss: Tensor, label: Tensor) -> Tensor:
        """Weight losses by class."""
        return loss * at_target(self.class_weights, label)


class ClassBalancedFocalLoss(ClassBalancedLoss):
    r"""Class-balanced focal loss (Cui et al., CVPR 2019, arXiv 1901.05555).

    The sigmoid focal loss of Lin et al. (ICCV 2017, arXiv 1708.02002) as in
    torchvision, without its :math:`\alpha`, summed over the classes and weighted as in
    :class:`ClassBalancedLoss`. A head still predicts by the softmax of these logits:
    the ranking is that of the sigmoids, but the scores are not calibrated. The loss
    takes several times as long as cross-entropy: two exponentials and a logarithm for
    each logit, where softmax takes one exponential.

    The authors initialise the bias of the classifier with :math:`-\log(C - 1)`, so that
    each sigmoid starts at a probability of 1 / C, and exclude it from weight decay.
    :class:`mmgala.models.GALAHead` sets the initial value to :attr:`initial_bias`;
    weight decay is set in the config, as in ``configs/class_balanced_focal``::

        model = dict(head=dict(type='mmgala.GALAHead', loss=dict(
            _delete_=True, type='mmgala.ClassBalancedFocalLoss')))
        optim_wrapper = dict(paramwise_cfg=dict(
            custom_keys={'head.fc.bias': dict(decay_mult=0.0)}))

    The defaults are those of the authors' script, and of their paper (table 2) for
    CIFAR10-LT with imbalance factor 100; for CIFAR100-LT with that factor,
    :math:`\beta` is 0.9 there.

    Args:
        num_classes: C, the number of classes.
        beta: :math:`\beta`, 0 or more and below 1; 0 is focal loss.
        gamma: :math:`\gamma`, focusing parameter; 0 is sigmoid cross-entropy.
        class_counts: training samples of each class (not labels), for use without
            :class:`mmgala.engine.ClassCountsHook`;
            :func:`mmgala.functional.class_counts_of` counts them.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Shape and errors are those of :class:`ClassBalancedLoss`.

    Attributes:
        initial_bias (float): :math:`-\log(C - 1)`.
    """

    def __init__(
        self,
        num_classes: int,
        beta: float = 0.9999,
        gamma: float = 1.0,
        class_counts: Sequence[int] | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        check_not_negative('gamma', gamma)
        super().__init__(num_classes, beta, class_counts, reduction, loss_weight)
        self.gamma = gamma

    @property
    def initial_bias(self) -> float:
        """Initial value of the classifier's bias."""
        return -math.log(self.num_classes - 1)

    def adjustment(self) -> None:
        """None: the sigmoids of a sample do not depend on each other."""

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Focal loss times the weight of each sample's class."""
        check_logits_and_target(cls_score, label)
        return self.weigh(self._unweighted_loss(upcast_half(cls_score), label), label)

    def _unweighted_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        if target.is_floating_point():
            target = target.to(logits.dtype)
            return sigmoid_focal_loss(logits, target, self.gamma).sum(dim=1)
        # With the sign of the label's logit flipped, every class has the loss of a
        # negative class: half the passes of the function for soft labels.
        index = target.long()[:, None]
        logits = logits.scatter(1, index, -logits.gather(1, index))
        log_rest = F.softplus(logits)  # -log(1 - p)
        return (log_rest * (self.gamma * (logits - log_rest)).exp()).sum(dim=1)
