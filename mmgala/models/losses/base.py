"""What the classification losses have in common."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmpretrain.models.losses.utils import weight_reduce_loss
from torch import Tensor

from mmgala.models.float32_buffers import Float32BuffersMixin

REDUCTIONS = ('none', 'mean', 'sum')


def check_reduction(reduction: str) -> None:
    """Check the name of a reduction.

    Raises:
        ValueError: if it is none of ``'none'``, ``'mean'`` and ``'sum'``.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(
            f'Expected `reduction` to be one of {REDUCTIONS}, but got {reduction!r}.'
        )


def check_num_classes(num_classes: int) -> None:
    """Check the number of classes of a loss.

    Raises:
        ValueError: if there are fewer than 2.
    """
    if num_classes < 2:
        raise ValueError(
            f'Expected `num_classes` to be 2 or more, but got {num_classes}.'
        )


def check_eps(eps: float) -> None:
    r"""Check the :math:`\epsilon` that keeps a logarithm finite.

    Raises:
        ValueError: if it is not positive.
    """
    if not eps > 0:
        raise ValueError(f'Expected `eps` to be positive, but got {eps}.')


def check_scale(scale: float) -> None:
    """Check the scale of cosine logits.

    Raises:
        ValueError: if it is not positive and finite.
    """
    if not 0 < scale < math.inf:
        raise ValueError(f'Expected `scale` to be positive, but got {scale}.')


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


class ClassCountsLoss(ClassificationLoss):
    """A loss with vectors that follow from the training counts.

    :class:`mmgala.engine.ClassCountsHook` counts the training set and hands the counts
    over before the first step, so no config and no file holds them. They are part of
    the checkpoint. A class without samples counts like the rarest one that has some.

    Subclasses name their vectors in ``VECTORS``, compute them in :meth:`_vectors`, and
    call :meth:`set_class_counts` at the end of their ``__init__`` if they were given
    counts.

    Args:
        num_classes: C.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Attributes:
        class_counts (Tensor): ``(C,)`` int64 buffer, part of the checkpoint; zeros
            before they are known.
    """

    VECTORS: tuple[str, ...] = ()

    class_counts: Tensor

    def __init__(
        self, num_classes: int, reduction: str = 'mean', loss_weight: float = 1.0
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        self.register_buffer('class_counts', torch.zeros(num_classes).long())
        for name in self.VECTORS:
            self.register_buffer(name, torch.zeros(num_classes), persistent=False)
        self._counted = False  # to ask the buffer, the host would wait for the device

    def set_class_counts(self, class_counts: Sequence[int] | Tensor) -> None:
        """Take the number of training samples of each class.

        Args:
            class_counts: C counts.

        Raises:
            ValueError: if they are not C whole numbers, or negative, or all zero.
        """
        counts = torch.as_tensor(class_counts)
        if counts.shape != (self.num_classes,):
            raise ValueError(
                f'Expected `class_counts` to hold {self.num_classes} values, one per '
                f'class, but got shape {tuple(counts.shape)}.'
            )
        if not bool((counts >= 0).all()) or not bool(counts.any()):
            raise ValueError(
                'Expected `class_counts` to be 0 or more, and not all 0, but got '
                f'values from {float(counts.min()):g} to {float(counts.max()):g}.'
            )
        broken = counts[counts != counts.long()]
        if len(broken):
            raise ValueError(
                'Expected `class_counts` to be whole numbers of samples, but got '
                f'{float(broken[0]):g}: shares of classes are no counts.'
            )
        self.class_counts.copy_(counts)
        self._derive()

    def _vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        """Value of each of ``VECTORS``, ``(C,)``, from the counts on the CPU."""
        raise NotImplementedError

    def _derive(self) -> None:
        counts = self.class_counts.cpu()  # float64 is not on every device
        self._counted = bool(counts.any())
        if self._counted:
            for name, value in self._vectors(counts).items():
                getattr(self, name).copy_(value)

    def _check_counted(self) -> None:
        if not self._counted:
            raise ValueError(
                f'{type(self).__name__} needs the class counts of the training set: '
                "add custom_hooks=[dict(type='mmgala.ClassCountsHook')] to the config."
            )

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._derive()
