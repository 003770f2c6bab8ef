"""Label-aware smoothing."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mmgala.functional.checks import check_choice
from mmgala.functional.class_priors import smoothing_factors
from mmgala.functional.losses import smoothed_cross_entropy
from mmgala.losses.class_counts_loss import ClassCountsLoss

SMOOTHING_VARIANTS = ('official', 'paper')


class LabelAwareSmoothingLoss(ClassCountsLoss):
    r"""Label-aware smoothing (Zhong et al., MiSLAS, CVPR 2021, arXiv 2104.00466).

    Label smoothing whose strength grows with the class's frequency, against
    over-confidence in frequent classes. See
    :func:`mmgala.functional.smoothed_cross_entropy`.

    The authors use it in their second stage alone, where they train the classifier
    further on a frozen backbone, with class-balanced sampling. After a first stage with
    cross-entropy, the command for CIFAR100-LT with imbalance factor 100 is::

        mmgala retrain CONFIG CHECKPOINT OUT.pth --method crt \
            --init trained --loss mmgala.LabelAwareSmoothingLoss \
            --loss-options smooth_head=0.4 smooth_tail=0.1 \
            --lr 0.02 --batch-size 128 --weight-decay 2e-4

    This reproduces neither the mixup (:math:`\alpha = 1`) of their first stage nor, in
    their second, learnable weight scaling, augmentation and the updates of the
    BatchNorm statistics.

    The strengths in their configs, head / tail: CIFAR10-LT with imbalance factor 100,
    ImageNet-LT and iNaturalist 2018 0.3 / 0 (the default); CIFAR100-LT with factor 100
    and Places-LT 0.4 / 0.1; with factor 50, CIFAR100-LT 0.3 / 0 and CIFAR10-LT 0.2 / 0.

    Args:
        num_classes: C, the number of classes.
        smooth_head: :math:`\epsilon_1`, smoothing of the largest class.
        smooth_tail: :math:`\epsilon_K`, smoothing of the smallest class.
        shape: of the curve in between, ``'concave'``, ``'linear'`` or ``'convex'``.
        class_counts: training samples of each class (not labels), for use without
            :class:`mmgala.engine.ClassCountsHook`;
            :func:`mmgala.functional.class_counts_of` counts them.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.
        variant: ``'official'``, the authors' code, which spreads the smoothing over all
            classes; or ``'paper'``, over all but the class of the label.

    Shape:
        - ``cls_score``: ``(N, C)`` logits.
        - ``label``: ``(N,)`` class indices or ``(N, C)`` soft labels.
        - ``weight``: ``(N,)``.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Raises:
        ValueError: if an argument or shape is invalid, or class counts are unknown.

    Examples:
        >>> import torch
        >>> loss = LabelAwareSmoothingLoss(2, 0.2, 0.0, class_counts=[9, 1])
        >>> logits = torch.tensor([[2.0, 0.0]])
        >>> loss(logits, torch.tensor([0]))  # 0.1269 + 0.2 / 2 * 2
        tensor(0.3269)
    """

    corrects_class_prior = False

    smoothing: Tensor

    def __init__(
        self,
        num_classes: int,
        smooth_head: float = 0.3,
        smooth_tail: float = 0.0,
        shape: str = 'concave',
        class_counts: Sequence[int] | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        variant: str = 'official',
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        self.smooth_head = smooth_head
        self.smooth_tail = smooth_tail
        self.shape = shape
        check_choice('variant', variant, SMOOTHING_VARIANTS)
        self.variant = variant
        self.start_counts(class_counts)

    def compute_vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        """Smoothing factor of each class."""
        settings = self.smooth_head, self.smooth_tail, self.shape
        return dict(smoothing=smoothing_factors(class_counts, *settings))

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Cross-entropy with smoothed labels."""
        include_label = self.variant == 'official'
        return smoothed_cross_entropy(cls_score, label, self.smoothing, include_label)
