"""Label-aware smoothing."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mmgala.functional.adjusted_losses import smoothed_cross_entropy
from mmgala.functional.class_counts import smoothing_factors
from mmgala.models.losses.class_counts_loss import ClassCountsLoss
from mmgala.registry import MODELS


@MODELS.register_module()
class LabelAwareSmoothingLoss(ClassCountsLoss):
    r"""Label-aware smoothing (Zhong et al., MiSLAS, CVPR 2021, arXiv 2104.00466).

    Label smoothing whose strength grows with the class's frequency, against
    over-confidence in frequent classes; made for the second stage of a decoupled
    training. See :func:`mmgala.functional.smoothed_cross_entropy`.

    Args:
        num_classes: C.
        smooth_head: :math:`\epsilon_1`, smoothing of the largest class.
        smooth_tail: :math:`\epsilon_K`, smoothing of the smallest class.
        shape: how it grows in between, ``'concave'``, ``'linear'`` or ``'convex'``.
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
        >>> loss = LabelAwareSmoothingLoss(2, 0.2, 0.0, class_counts=[9, 1])
        >>> logits = torch.tensor([[2.0, 0.0]])
        >>> loss(logits, torch.tensor([0]))  # 0.1269 + 0.2 * 2
        tensor(0.5269)
    """

    VECTORS = ('smoothing',)

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
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        self.smooth_head = smooth_head
        self.smooth_tail = smooth_tail
        self.shape = shape
        self._vectors(self.class_counts + 1)  # arguments out of range show now
        if class_counts is not None:
            self.set_class_counts(class_counts)

    def _vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        settings = self.smooth_head, self.smooth_tail, self.shape
        return dict(smoothing=smoothing_factors(class_counts, *settings))

    def _unreduced(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        self._check_counted()
        return smoothed_cross_entropy(cls_score, label, self.smoothing)

    def _settings(self) -> dict[str, object]:
        return dict(
            smooth_head=self.smooth_head,
            smooth_tail=self.smooth_tail,
            shape=self.shape,
        )
