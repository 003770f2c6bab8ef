"""Label-distribution-aware margin loss, with deferred re-weighting."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mmgala.functional.checks import check_positive
from mmgala.functional.class_priors import effective_number_weights, ldam_margins
from mmgala.losses.adjustment import LogitAdjustment
from mmgala.losses.base import at_target
from mmgala.losses.class_counts_loss import ClassCountsLoss


class LDAMLoss(ClassCountsLoss):
    r"""LDAM loss (Cao et al., NeurIPS 2019, arXiv 1906.07413).

    The label's logit is lowered by :math:`s \Delta_y`, with
    :math:`\Delta_j \propto n_j^{-1/4}`: rare classes get the larger margins. Designed
    for logits that are :math:`s` times a cosine, as those of
    :class:`mmgala.models.CosineClsHead` with the same ``scale``.

    Deferred re-weighting (DRW): :class:`mmgala.engine.DeferredReweightingHook` switches
    on class weights by the effective number of samples in the last part of training.
    They are scaled to a mean of 1 over the training *samples*. The authors divide by
    the weights of each batch instead, which is equal on average but depends on how
    samples are distributed over batches and ranks.

    Args:
        num_classes: C, the number of classes.
        max_margin: :math:`\Delta` of the rarest class.
        scale: :math:`s`, that of the head.
        beta: :math:`\beta` of the effective number, for the weights.
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

    Attributes:
        reweighting (bool): whether class weights are applied. Not part of the
            checkpoint: the hook sets it at every start.

    Raises:
        ValueError: if an argument or shape is invalid, or class counts are unknown.

    Examples:
        >>> import torch
        >>> loss = LDAMLoss(2, max_margin=0.5, scale=2.0, class_counts=[16, 1])
        >>> loss(torch.zeros(2, 2), torch.tensor([0, 1]))  # margins of 0.5 and 1
        tensor(1.1437)
    """

    corrects_class_prior = False

    margins: Tensor
    class_weights: Tensor

    def __init__(
        self,
        num_classes: int,
        max_margin: float = 0.5,
        scale: float = 30.0,
        beta: float = 0.9999,
        class_counts: Sequence[int] | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        check_positive('scale', scale)
        self.max_margin = max_margin
        self.scale = scale
        self.beta = beta
        self.reweighting = False
        self.start_counts(class_counts)

    def compute_vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        """Margins, and class weights for deferred re-weighting."""
        weights = effective_number_weights(class_counts, self.beta)
        mean_weight = (class_counts * weights).sum() / class_counts.sum()
        return dict(
            margins=self.scale * ldam_margins(class_counts, self.max_margin),
            class_weights=weights / mean_weight,
        )

    def adjustment(self) -> LogitAdjustment:
        """The margins, on the logit of the label alone."""
        self.check_counts()
        return LogitAdjustment(label_margin=-self.margins)

    def weigh(self, loss: Tensor, label: Tensor) -> Tensor:
        """Weight losses by class once re-weighting is on."""
        return loss * at_target(self.class_weights, label) if self.reweighting else loss
