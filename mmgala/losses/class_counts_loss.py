"""Base class of the losses that need the class counts of the training set."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmgala.functional.checks import check_class_vector
from mmgala.losses.base import ClassificationLoss


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

    Subclasses implement :meth:`compute_vectors`, and :meth:`adjustment` (which first
    calls :meth:`check_counts`) or :meth:`compute_loss`. Their
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
        self.check_counts()

    def check_counts(self) -> None:
        """Check that the class counts are known, if they are needed.

        Raises:
            ValueError: if they are not.
        """
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
