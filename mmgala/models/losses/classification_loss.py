"""What classification losses without statistics of their own have in common."""

from mmpretrain.models.losses.utils import weight_reduce_loss
from torch import Tensor

from mmgala.models.float32_buffers import Float32BuffersMixin
from mmgala.models.losses.checks import check_num_classes, check_reduction


def reduce_loss(
    loss: Tensor,
    weight: Tensor | None,
    reduction: str,
    avg_factor: float | None,
    loss_weight: float,
) -> Tensor:
    """Weight and reduce the losses of samples as MMPretrain does; an empty batch is 0.

    Args:
        loss: unreduced, ``(N,)``.
        weight: weight of each sample, ``(N,)``.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        avg_factor: divisor of the mean instead of N.
        loss_weight: factor on the result.
    """
    if reduction == 'mean' and len(loss) == 0:
        reduction, avg_factor = 'sum', None  # a mean over nothing would be NaN
    loss = weight_reduce_loss(loss, weight, reduction, avg_factor)
    return loss if loss_weight == 1 else loss_weight * loss


class ClassificationLoss(Float32BuffersMixin):
    """A loss over C classes with the call of MMPretrain's losses.

    Subclasses give :meth:`_unreduced`.

    Args:
        num_classes: C.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Raises:
        ValueError: on fewer than 2 classes or an unknown reduction.
    """

    def __init__(
        self, num_classes: int, reduction: str = 'mean', loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        check_num_classes(num_classes)
        check_reduction(reduction)
        self.num_classes = num_classes
        self.reduction = reduction
        self.loss_weight = loss_weight

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
            A scalar, or ``(N,)`` with reduction ``'none'``; 0 for an empty batch with
            reduction ``'mean'`` or ``'sum'``.

        Raises:
            ValueError: if shapes do not fit or, on the CPU, a label is out of range.
        """
        reduction = reduction_override or self.reduction
        check_reduction(reduction)
        if cls_score.ndim != 2 or cls_score.shape[1] != self.num_classes:
            raise ValueError(
                f'{type(self).__name__} was built with num_classes={self.num_classes}, '
                f'but got logits of shape {tuple(cls_score.shape)}. Set both to the '
                'number of classes of the data set.'
            )
        if weight is not None:
            weight = weight.float()
        loss = self._unreduced(cls_score, label, weight)
        return reduce_loss(loss, weight, reduction, avg_factor, self.loss_weight)

    def _unreduced(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Loss of each sample, ``(N,)``, not yet multiplied by ``weight``."""
        raise NotImplementedError

    def _settings(self) -> dict[str, object]:
        """Arguments of the subclass, for ``print(model)``."""
        return {}

    def extra_repr(self) -> str:
        """Arguments, for ``print(model)``."""
        settings = dict(
            num_classes=self.num_classes,
            **self._settings(),
            reduction=self.reduction,
            loss_weight=self.loss_weight,
        )
        return ', '.join(f'{name}={value!r}' for name, value in settings.items())


def at_target(vector: Tensor, target: Tensor) -> Tensor:
    """Value of each sample's class; of soft labels, the mean weighted by them.

    Args:
        vector: ``(C,)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.

    Returns:
        ``(N,)``.
    """
    if target.is_floating_point():
        return (target.to(vector.dtype) * vector).sum(dim=1)
    return vector[target.long()]
