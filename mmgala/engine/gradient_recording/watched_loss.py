"""A loss that is watched in training, and the sums of what it sends back."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce_params
from torch import Tensor, nn

from mmgala.engine.gradient_recording.loss_observer import LossObserver
from mmgala.functional import GradientSums, frequency_bins, shot_groups


class GradientAccumulator:
    """Sums of the current period and of the training so far.

    Args:
        class_counts: training samples of each class, ``(C,)``.
        limits: ``(many, few)``, between the shot groups.
        max_bins: limit of the matrix's rows and columns; 0 for no matrix.
        device: that the gradients are on.
    """

    def __init__(
        self,
        class_counts: Tensor,
        limits: tuple[int, int],
        max_bins: int,
        device: torch.device,
    ) -> None:
        num_classes = len(class_counts)
        self._limits = limits
        group = torch.empty(num_classes, dtype=torch.int64)
        for index, classes in enumerate(shot_groups(class_counts, *limits)):
            group[classes] = index
        bins = frequency_bins(class_counts, max(max_bins, 1))
        self.bins = bins.numpy()
        self._group, self._bins = group.to(device), bins.to(device)
        size = num_classes, min(max_bins, num_classes)
        # This rank's sums since the last step, and those of all ranks since the last
        # fold. Then of the period, and of finished ones: float32 would round off what
        # comes last in a long training.
        self.pending = GradientSums.zeros(*size, device=device)
        self._current = GradientSums.zeros(*size, device=device)
        self._size = size
        self._period = self._zeros()
        self._finished = self._zeros()

    def _zeros(self) -> GradientSums:
        return GradientSums.zeros(*self._size, dtype=torch.float64)

    def add(self, grad: Tensor, target: Tensor) -> None:
        """Add a batch of this rank; see :meth:`mmgala.functional.GradientSums.add`.

        Raises:
            ValueError: if the gradients are of another number of classes.
        """
        num_classes = len(self._group)
        if grad.shape[1] != num_classes:
            raise ValueError(
                f'The loss gets logits of {grad.shape[1]} classes, but the training '
                f'set has {num_classes}: set num_classes of the head to that number.'
            )
        self.pending.add(grad, target, self._group, self._bins)

    def finish_step(self) -> None:
        """Count what was added since the last step; see :func:`sum_over_ranks`."""
        self._current.flat.add_(self.pending.flat)
        self.pending.flat.zero_()

    def fold(self) -> None:
        """Make the current sums part of the period for good."""
        self._period.flat.add_(self._current.flat.cpu().double())
        self.drop_current()

    def drop_current(self) -> None:
        """Forget what came since the last :meth:`fold`."""
        self._current.flat.zero_()

    def finish_period(self) -> tuple[GradientSums, GradientSums]:
        """Sums of the period, which ends, and of the training so far."""
        self.fold()
        self._finished.flat.add_(self._period.flat)
        period, self._period = self._period, self._zeros()
        return period, self._finished

    def state_dict(self) -> dict[str, Any]:
        """State for a checkpoint: after a step it is the same on all ranks."""
        sums = {name: sums.flat.cpu().clone() for name, sums in self._saved().items()}
        return dict(limits=self._limits, **sums)

    def load_state_dict(self, state: dict[str, Any]) -> bool:
        """Restore a state; false, and nothing done, if groups or sizes are others."""
        saved = self._saved()
        if tuple(state['limits']) != tuple(self._limits) or any(
            state[name].shape != sums.flat.shape for name, sums in saved.items()
        ):
            return False
        for name, sums in saved.items():
            sums.flat.copy_(state[name])
        return True

    def _saved(self) -> dict[str, GradientSums]:
        return dict(current=self._current, period=self._period, finished=self._finished)


def sum_over_ranks(accumulators: Iterable[GradientAccumulator]) -> None:
    """Sum what was added in a step over the ranks, each of which has to take part.

    It is one reduction, also of several accumulators, and comes before their
    :meth:`GradientAccumulator.finish_step`.
    """
    all_reduce_params([sums.pending.flat for sums in accumulators])


class WatchedLoss:
    """One of the losses of a training.

    Args:
        name: in the model.
        module: the loss.
        sums: where its gradients go.
        num_classes: C of a detection head; of others, ``None``.
        alone: whether it is the only one that is watched.

    Attributes:
        folder: what its files, scalars and pictures are called by; empty where it is
            alone.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        sums: GradientAccumulator,
        num_classes: int | None,
        alone: bool,
    ) -> None:
        self.name = name
        self.sums = sums
        # A module's name may hold a slash.
        self.folder = '' if alone else re.sub(r'[^\w.-]', '_', name)
        self._observer = LossObserver(module, sums.add, num_classes)

    def remove(self) -> None:
        """Leave the loss as it was."""
        self._observer.remove()


def state_of(losses: Sequence[WatchedLoss]) -> dict[str, Any]:
    """State of all for a checkpoint: that of the only one, or of each by its name."""
    if len(losses) == 1:
        return losses[0].sums.state_dict()
    return {loss.name: loss.sums.state_dict() for loss in losses}


def restore(losses: Sequence[WatchedLoss], state: dict[str, Any] | None) -> list[str]:
    """Restore what :func:`state_of` gave.

    Args:
        losses: of the training.
        state: of a checkpoint, if it has one.

    Returns:
        For each loss that begins anew, a clause that says why.
    """
    reasons = []
    for loss in losses:
        alone = state is not None and 'finished' in state
        own = state if alone and len(losses) == 1 else (state or {}).get(loss.name)
        of = '' if len(losses) == 1 else f' of {loss.name}'
        if own is None:
            reasons.append(f'holds none{of}')
        elif not loss.sums.load_state_dict(own):
            reasons.append(
                f'holds those{of} of other classes, shot groups or another matrix'
            )
    return reasons
