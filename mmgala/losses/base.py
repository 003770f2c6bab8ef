"""Base class of the classification losses."""

import inspect
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.adjusted_cross_entropy import (
    adjusted_cross_entropy,
    adjusted_logits,
    mean_cross_entropy,
)
from mmgala.functional.checks import (
    check_choice,
    check_logits_and_target,
    check_not_negative,
    check_num_classes,
    usable_weight,
)
from mmgala.losses.adjustment import LogitAdjustment
from mmgala.losses.training_statistics import TrainingStatistics

REDUCTIONS = ('none', 'mean', 'sum')


def at_target(vector: Tensor, target: Tensor) -> Tensor:
    """Per-class value of each label; for soft labels, their weighted mean.

    Args:
        vector: ``(C,)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.

    Returns:
        ``(N,)``.
    """
    if target.is_floating_point():
        return (target.to(vector.dtype) * vector).sum(dim=1)
    return vector[target.long()]


def weight_reduce_loss(
    loss: Tensor, weight: Tensor | None, reduction: str, avg_factor: float | None
) -> Tensor:
    """Weight and reduce losses, with the arithmetic of MMPretrain's function.

    Args:
        loss: ``(N,)``.
        weight: ``(N,)``, or ``None``.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        avg_factor: divisor of the mean instead of N.

    Returns:
        A scalar, or ``(N,)`` with reduction ``'none'``.

    Raises:
        ValueError: if ``avg_factor`` is given with reduction ``'sum'``.
    """
    if weight is not None:
        loss = loss * weight
    if avg_factor is not None and reduction == 'sum':
        raise ValueError(
            f'`avg_factor={avg_factor}` divides a mean, so it cannot be used with '
            "reduction 'sum': use 'mean', or leave `avg_factor` out."
        )
    if reduction == 'none':
        return loss
    if reduction == 'sum':
        return loss.sum()
    return loss.mean() if avg_factor is None else loss.sum() / avg_factor


class ClassificationLoss(TrainingStatistics):
    """A loss over C classes that is called like MMPretrain's losses.

    Subclasses implement :meth:`adjustment` if they are cross-entropy on shifted
    logits, or else :meth:`compute_loss`; this class checks the input, applies the
    sample weights and reduces.

    A classifier that never has all logits of a batch, because there are too many
    classes, computes the loss of each sample from :meth:`adjustment`, and passes it to
    :meth:`finish`. This is equal to a call of the loss with the logits.

    Args:
        num_classes: C, the number of classes.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Raises:
        ValueError: if there are fewer than 2 classes, the reduction is unknown, or
            ``loss_weight`` is negative or not finite.
    """

    def __init__(
        self, num_classes: int, reduction: str = 'mean', loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        check_num_classes(num_classes)
        check_choice('reduction', reduction, REDUCTIONS)
        check_not_negative('loss_weight', loss_weight)
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
            weight: weight of each sample, ``(N,)``, finite and 0 or more. On an
                accelerator others count as 0.
            avg_factor: divisor of the mean instead of N.
            reduction_override: used instead of ``reduction``.

        Returns:
            A scalar, or ``(N,)`` with reduction ``'none'``; 0 for an empty batch with
            reduction ``'mean'`` or ``'sum'``.

        Raises:
            ValueError: if shapes do not match or, on the CPU, a label or a weight is
                out of range.
        """
        reduction = self.choose_reduction(reduction_override)
        self.check_input(cls_score, label)
        plain = weight is None and avg_factor is None and reduction == 'mean'
        mean = self._mean_loss(cls_score, label) if plain else None
        if mean is not None:
            return mean if self.loss_weight == 1 else self.loss_weight * mean
        weight = None if weight is None else usable_weight(weight)
        loss = self.compute_loss(cls_score, label, weight)
        return self.reduce(loss, weight, reduction, avg_factor)

    def _mean_loss(self, cls_score: Tensor, label: Tensor) -> Tensor | None:
        """Mean of shifted cross-entropy, in fewer operations; None for other losses."""
        kind = type(self)
        plain = (
            kind.compute_loss is ClassificationLoss.compute_loss
            and kind.weigh is ClassificationLoss.weigh
            and not label.is_floating_point()
            and len(label) > 0
        )
        shifts = self.adjustment() if plain else None
        if shifts is None:
            return None
        observes = kind.observe is not ClassificationLoss.observe
        mean, losses = self._shifted(
            mean_cross_entropy, cls_score, label, shifts, each=observes
        )
        if observes:
            self.observe(losses, label, None)
        return mean

    @staticmethod
    def _shifted(
        function: Callable,
        cls_score: Tensor,
        label: Tensor,
        shifts: LogitAdjustment,
        **options: bool,
    ) -> Any:
        """Call a function with class indices.

        On the CPU, PyTorch checks them where it uses them: only if that fails, they are
        checked here, for a message that helps.
        """
        check_logits_and_target(cls_score, label, values=False)
        try:
            return function(
                cls_score, label, shifts.bias, shifts.label_margin, **options
            )
        except (IndexError, RuntimeError):
            check_logits_and_target(cls_score, label)
            raise

    def choose_reduction(self, override: str | None) -> str:
        """Reduction to use in a call."""
        reduction = override or self.reduction
        check_choice('reduction', reduction, REDUCTIONS)
        return reduction

    def check_input(self, cls_score: Tensor, label: Tensor) -> None:
        """Check the number of classes; :meth:`compute_loss` checks the rest."""
        if cls_score.ndim != 2 or cls_score.shape[1] != self.num_classes:
            raise ValueError(
                f'{type(self).__name__} was built with num_classes={self.num_classes}, '
                f'but got logits of shape {tuple(cls_score.shape)}. Set both to the '
                'number of classes of the data set.'
            )

    def adjustment(self) -> LogitAdjustment | None:
        """Shifts of the logits that make this loss cross-entropy, as of now.

        Returns:
            The shifts, or ``None`` if the loss is not of this form.

        Raises:
            ValueError: if the loss needs class counts that are unknown.
        """
        return None

    def logged(self) -> dict[str, Tensor]:
        """Scalars for the training log by name, none of which contains ``loss``."""
        return {}

    def observe(self, loss: Tensor, label: Tensor, weight: Tensor | None) -> None:
        """Update the statistics of the training, if the loss has any.

        Args:
            loss: cross-entropy of each sample on the adjusted logits, ``(N,)``,
                detached.
            label: class indices, ``(N,)``.
            weight: float32 weight of each sample, ``(N,)``, or ``None``.
        """

    def observe_soft(
        self, adjusted: Tensor, label: Tensor, weight: Tensor | None
    ) -> None:
        """Update the statistics from a batch with soft labels, if the loss has any.

        Args:
            adjusted: adjusted logits, ``(N, C)``, detached.
            label: soft labels, ``(N, C)``.
            weight: float32 weight of each sample, ``(N,)``, or ``None``.
        """

    def weigh(self, loss: Tensor, label: Tensor) -> Tensor:
        """Multiply losses ``(N,)`` by the weights of their classes, if there are any.

        Args:
            loss: cross-entropy of each sample on the adjusted logits, ``(N,)``.
            label: class indices ``(N,)`` or soft labels ``(N, C)``.
        """
        return loss

    def finish(
        self,
        loss: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Compute what a call returns, and update the statistics, without the logits.

        Args:
            loss: cross-entropy of each sample on logits with :meth:`adjustment`,
                ``(N,)``.
            label: class indices, ``(N,)``.
            weight: weight of each sample, ``(N,)``, as in :meth:`forward`.
            avg_factor: divisor of the mean instead of N.
            reduction_override: used instead of ``reduction``.

        Raises:
            ValueError: if (on the CPU) a weight is out of range.
        """
        reduction = self.choose_reduction(reduction_override)
        weight = None if weight is None else usable_weight(weight)
        self.observe(loss.detach(), label, weight)
        return self.reduce(self.weigh(loss, label), weight, reduction, avg_factor)

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Compute the loss of each sample; by default from :meth:`adjustment`.

        Args:
            cls_score: logits, ``(N, C)``.
            label: class indices ``(N,)`` or soft labels ``(N, C)``.
            weight: float32 weight of each sample, ``(N,)``, for statistics only:
                :meth:`forward` applies it to the loss.

        Returns:
            ``(N,)``.

        Raises:
            NotImplementedError: if a subclass has neither this method nor
                :meth:`adjustment`.
            ValueError: if shapes do not match or, on the CPU, a label is out of range.
        """
        shifts = self.adjustment()
        if shifts is None:
            raise NotImplementedError(
                f'{type(self).__name__} has neither `adjustment` nor `compute_loss`.'
            )
        if label.is_floating_point():
            check_logits_and_target(cls_score, label)
            adjusted = adjusted_logits(
                cls_score, label, shifts.bias, shifts.label_margin
            )
            loss = F.cross_entropy(adjusted, label.to(adjusted.dtype), reduction='none')
            self.observe_soft(adjusted.detach(), label, weight)
        else:
            loss = self._shifted(adjusted_cross_entropy, cls_score, label, shifts)
            self.observe(loss.detach(), label, weight)
        return self.weigh(loss, label)

    def reduce(
        self,
        loss: Tensor,
        weight: Tensor | None,
        reduction: str,
        avg_factor: float | None,
    ) -> Tensor:
        """Weight and reduce losses ``(N,)`` as MMPretrain does; an empty batch is 0."""
        if reduction == 'mean' and len(loss) == 0:
            reduction, avg_factor = 'sum', None  # the mean of an empty batch is NaN
        loss = weight_reduce_loss(loss, weight, reduction, avg_factor)
        return loss if self.loss_weight == 1 else self.loss_weight * loss

    def extra_repr(self) -> str:
        """Arguments, for ``print(model)``."""
        values = {
            name: getattr(self, name)
            for name in inspect.signature(type(self)).parameters
            if hasattr(self, name) and name not in self._buffers
        }
        return ', '.join(f'{name}={value!r}' for name, value in values.items())
