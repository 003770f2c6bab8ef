"""Base classes of the classification losses."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmgala.functional.checks import (
    check_choice,
    check_class_vector,
    check_not_negative,
    check_num_classes,
    usable_weight,
)
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

    Subclasses implement :meth:`compute_loss`; this class checks the input, applies the
    sample weights and reduces.

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
        weight = None if weight is None else usable_weight(weight)
        loss = self.compute_loss(cls_score, label, weight)
        return self.reduce(loss, weight, reduction, avg_factor)

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

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Compute the loss of each sample.

        Args:
            cls_score: logits, ``(N, C)``.
            label: class indices ``(N,)`` or soft labels ``(N, C)``.
            weight: float32 weight of each sample, ``(N,)``, for statistics only:
                :meth:`forward` applies it to the loss.

        Returns:
            ``(N,)``.
        """
        raise NotImplementedError

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


class ClassCountsLoss(ClassificationLoss):
    """A loss with per-class values that are computed from the training counts.

    :class:`mmgala.engine.ClassCountsHook` counts the training set and passes the counts
    on before the first step, so they need not be in a config or file. In any other
    training loop, pass ``class_counts``; :func:`mmgala.functional.class_counts_of`
    counts labels or a data set. The counts are part of the checkpoint.

    They are the samples of one epoch: where a wrapper such as ``ClassBalancedDataset``
    repeats images, the loss corrects for the prior of what it is computed on, not for
    that of the distinct images (see :class:`mmgala.datasets.labels.ClassCounts`). A
    class without samples is treated like the rarest class that has samples.

    Subclasses implement :meth:`compute_vectors` and :meth:`compute_loss`. Their
    ``__init__`` stores its arguments and then calls :meth:`start_counts`.

    Args:
        num_classes: C, the number of classes.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Attributes:
        class_counts (Tensor): ``(C,)`` int64 buffer, part of the checkpoint; zeros
            until they are set.
        corrects_class_prior (bool): whether the loss compensates for the class prior,
            so that class-balanced sampling on top would favour rare classes twice.
        counts_in_training_only (bool): whether counts are needed in training only.
    """

    corrects_class_prior = True
    counts_in_training_only = False

    class_counts: Tensor

    def __init__(
        self, num_classes: int, reduction: str = 'mean', loss_weight: float = 1.0
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        self.register_buffer('class_counts', torch.zeros(num_classes).long())
        self._counted = False  # reading the buffer would synchronise the device
        self._given_counts: Sequence[int] | None = None

    def start_counts(self, class_counts: Sequence[int] | None) -> None:
        """Register the per-class values, and set the counts if they are known already.

        Args:
            class_counts: C counts, or ``None``.

        Raises:
            ValueError: if :meth:`compute_vectors` rejects an argument of the loss; see
                also :meth:`set_class_counts`.
        """
        for name, value in self.compute_vectors(self.class_counts + 1).items():
            dtype = torch.float32 if value.is_floating_point() else value.dtype
            zeros = torch.zeros(self.num_classes, dtype=dtype)
            self.register_buffer(name, zeros, persistent=False)
        self._given_counts = class_counts
        if class_counts is not None:
            self.set_class_counts(class_counts)

    @property
    def statistics(self) -> dict[str, Tensor]:
        """The class counts are those of a training set."""
        return dict(class_counts=self.class_counts)

    def reset_statistics(self) -> None:
        """Return to the counts of the config or, without those, to unknown ones."""
        super().reset_statistics()
        if self._given_counts is not None:
            self.set_class_counts(self._given_counts)
        self._update_vectors()

    def set_class_counts(self, class_counts: Sequence[int] | Tensor) -> None:
        """Set the number of training samples of each class in one epoch.

        Args:
            class_counts: C counts, in a list, a tensor or an array; not labels.

        Raises:
            TypeError: if they are not numbers.
            ValueError: if they are not C whole numbers, or negative, or all zero.
        """
        counts = self._as_counts(class_counts)
        check_class_vector('class_counts', counts, self.num_classes)
        broken = counts[counts != counts.long()]
        if len(broken):
            raise ValueError(
                'Expected `class_counts` to be whole numbers of samples, but got '
                f'{float(broken[0]):g}. Pass counts, not shares.'
            )
        self.class_counts.copy_(counts)
        self._restored = False
        self._update_vectors()

    def _as_counts(self, class_counts: Any) -> Tensor:
        """Counts as a tensor of any type; whatever else is refused with the remedy."""
        remedy = (
            'Labels or a data set are counted by '
            f'mmgala.functional.class_counts_of(data, {self.num_classes}).'
        )
        try:
            counts = torch.as_tensor(class_counts)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f'Expected `class_counts` to be {self.num_classes} numbers, but got '
                f'{type(class_counts).__name__}. {remedy}'
            ) from error
        if counts.shape != (self.num_classes,):
            raise ValueError(
                f'Expected `class_counts` to hold {self.num_classes} values, one per '
                f'class, but got shape {tuple(counts.shape)}. {remedy}'
            )
        return counts

    def compute_vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        """Compute the per-class values; each is stored as a buffer of that name.

        Args:
            class_counts: ``(C,)`` int64 on the CPU, not all 0.

        Returns:
            ``(C,)`` tensors by name.
        """
        raise NotImplementedError

    def check_input(self, cls_score: Tensor, label: Tensor) -> None:
        """Check the number of classes, and that the class counts are known."""
        super().check_input(cls_score, label)
        needed = self.training or not self.counts_in_training_only
        if needed and not self._counted:
            raise ValueError(
                f'{type(self).__name__} needs the class counts of the training set: '
                'pass class_counts=mmgala.functional.class_counts_of(train_set, '
                f'{self.num_classes}); in a config of OpenMMLab, add '
                "custom_hooks=[dict(type='mmgala.ClassCountsHook')]."
            )

    def _update_vectors(self) -> None:
        counts = self.class_counts.cpu()  # float64 is not on every device
        self._counted = bool(counts.any())
        if self._counted:
            for name, value in self.compute_vectors(counts).items():
                getattr(self, name).copy_(value)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._update_vectors()
