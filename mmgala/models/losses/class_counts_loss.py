"""Losses that need to know how often each class occurs in training."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmgala.models.losses.classification_loss import ClassificationLoss


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
