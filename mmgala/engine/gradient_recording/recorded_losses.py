"""Losses whose gradients are recorded: search in a model, and sums of the gradients."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any

import torch
from mmengine.dist import all_reduce_params
from torch import Tensor, nn

from mmgala.engine.gradient_recording.loss_observer import LossObserver
from mmgala.functional import GradientSums, ShotThresholds, frequency_bins
from mmgala.functional.checks import check_restored
from mmgala.functional.compensated_sum import compensated_add_


def find_losses(
    model: nn.Module, wanted: str | Sequence[str] | None
) -> dict[str, nn.Module]:
    """Find the losses whose gradients to record.

    Args:
        model: the model without wrappers.
        wanted: module name or names of the losses. Defaults to the only module named
            ``loss_module`` or, without one, to all modules named ``loss_cls``, as in
            MMDetection's heads, except those of region proposal networks, which do not
            distinguish classes.

    Returns:
        Losses by module name.

    Raises:
        ValueError: if no module has the name, or several are named ``loss_module``.
    """
    modules = dict(model.named_modules())
    if wanted is None:
        found = [name for name in modules if _last(name) == 'loss_module']
        if len(found) > 1:
            raise ValueError(_message(model, 'loss_module', found, found))
        found = found or [
            name
            for name in modules
            if _last(name) == 'loss_cls' and 'rpn_head' not in name.split('.')
        ]
        missing = [] if found else ['loss_module']
    else:
        found = [wanted] if isinstance(wanted, str) else list(wanted)
        missing = [repr(name) for name in found if name not in modules]
    if missing or not found:
        candidates = [
            n for n, m in modules.items() if 'loss' in f'{n}{type(m).__name__}'.lower()
        ]
        raise ValueError(
            _message(model, ', '.join(missing) or 'at all', [], candidates)
        )
    return {name: modules[name] for name in found}


def check_head_classes(
    model: nn.Module, losses: Sequence[str], num_classes: int
) -> None:
    """Check that the heads of the losses have the training set's number of classes.

    Args:
        model: the model without wrappers.
        losses: module names of the losses.
        num_classes: number of classes of the training set.

    Raises:
        ValueError: if a head has a different ``num_classes``.
    """
    for name in losses:
        head = name.rpartition('.')[0]
        head_classes = getattr(model.get_submodule(head), 'num_classes', num_classes)
        if head_classes != num_classes:
            raise ValueError(
                f'{head} has num_classes={head_classes}, but the training set has '
                f'{num_classes} classes: correct num_classes, or choose the losses of '
                'heads with these classes with '
                'GradientStatisticsHook(loss_module=[...]).'
            )


def _last(name: str) -> str:
    return name.rpartition('.')[2]


def _message(
    model: nn.Module, wanted: str, found: Sequence[str], candidates: Sequence[str]
) -> str:
    if not candidates:
        return (
            f'GradientStatisticsHook found no loss in {type(model).__name__}: the '
            'loss must be a module that the head calls with logits and target.'
        )
    return (
        f'GradientStatisticsHook found {len(found) or "no"} modules {wanted} in '
        f'{type(model).__name__}. Set GradientStatisticsHook(loss_module=...) to the '
        f'one that is called with the logits: {list(candidates)}.'
    )


class GradientAccumulator:
    """Gradient sums of the current period and of the training so far.

    Args:
        class_counts: ``(C,)`` number of training samples per class.
        thresholds: shot thresholds.
        max_bins: maximum number of rows and columns of the matrix; 0 for no matrix.
        device: device of the gradients.
    """

    def __init__(
        self,
        class_counts: Tensor,
        thresholds: ShotThresholds,
        max_bins: int,
        device: torch.device,
    ) -> None:
        num_classes = len(class_counts)
        self._thresholds = thresholds
        group = thresholds.group_of(class_counts)
        bins = frequency_bins(class_counts, max(max_bins, 1))
        self.bins = bins.numpy()
        self._group, self._bins = group.to(device), bins.to(device)
        size = num_classes, min(max_bins, num_classes)
        # `pending`: this rank, since the last step. `_current`: all ranks, since the
        # last fold, and its low-order part. `_period` and `_finished` are float64. A
        # plain float32 sum would lose small increments in a long training.
        self.pending = GradientSums.zeros(*size, device=device)
        self._current = GradientSums.zeros(*size, device=device)
        self._current_low = torch.zeros_like(self._current.flat)
        self._size = size
        self._period = self._zeros()
        self._finished = self._zeros()

    def _zeros(self) -> GradientSums:
        return GradientSums.zeros(*self._size, dtype=torch.float64)

    def add(self, grad: Tensor, target: Tensor) -> None:
        """Add a batch of this rank; see :meth:`mmgala.functional.GradientSums.add`.

        Args:
            grad: ``(N, C)`` gradients with respect to the logits.
            target: ``(N,)`` class indices, or ``(N, C)`` soft labels.

        Raises:
            ValueError: if the gradients have a different number of classes.
        """
        num_classes = len(self._group)
        if grad.shape[1] != num_classes:
            raise ValueError(
                f'The loss got logits of {grad.shape[1]} classes, but the training set '
                f'has {num_classes}: set num_classes of the head to {num_classes}.'
            )
        self.pending.add(grad, target, self._group, self._bins)

    def finish_step(self) -> None:
        """Include the pending batches; call :func:`sum_over_ranks` first."""
        compensated_add_(self._current.flat, self._current_low, self.pending.flat)
        self.pending.flat.zero_()

    def fold(self) -> None:
        """Include the current sums in the period permanently."""
        self._period.flat.add_(self._exact_current())
        self.drop_current()

    def drop_current(self) -> None:
        """Discard everything since the last :meth:`fold`."""
        self._current.flat.zero_()
        self._current_low.zero_()

    def _exact_current(self) -> Tensor:
        """The current sums, ``(S,)`` float64 on the CPU."""
        return self._current.flat.cpu().double() + self._current_low.cpu()

    def finish_period(self) -> tuple[GradientSums, GradientSums]:
        """End the period; return its sums and those of the training so far."""
        self.fold()
        self._finished.flat.add_(self._period.flat)
        period, self._period = self._period, self._zeros()
        return period, self._finished

    def state_dict(self) -> dict[str, Any]:
        """State for a checkpoint, the same on all ranks after a step."""
        return dict(
            limits=astuple(self._thresholds),
            current=self._exact_current(),
            period=self._period.flat.clone(),
            finished=self._finished.flat.clone(),
        )

    def load_state_dict(self, state: dict[str, Any]) -> bool:
        """Restore a state.

        Returns:
            Whether the state has the same shot groups and sizes; if not, it is ignored.

        Raises:
            ValueError: if a sum is negative or not finite.
        """
        sums = {name: state[name] for name in ('current', 'period', 'finished')}
        if tuple(state['limits']) != astuple(self._thresholds) or any(
            stored.shape != self._period.flat.shape for stored in sums.values()
        ):
            return False
        for name, stored in sums.items():
            check_restored(f'the gradient sums ({name})', stored)
        exact = sums['current'].double()
        self._current.flat.copy_(exact)
        self._current_low.copy_(exact - self._current.flat.cpu().double())
        self._period.flat.copy_(sums['period'])
        self._finished.flat.copy_(sums['finished'])
        return True


def sum_over_ranks(accumulators: Iterable[GradientAccumulator]) -> None:
    """Sum the pending batches over the ranks, in one reduction for all accumulators.

    Every rank has to call this, before :meth:`GradientAccumulator.finish_step`.
    """
    all_reduce_params([sums.pending.flat for sums in accumulators])


class RecordedLoss:
    """A loss whose gradients are recorded.

    Args:
        name: name of the module in the model.
        module: the loss.
        sums: accumulator of its gradients.
        num_classes: number of classes C for detection heads, otherwise ``None``.
        alone: whether no other loss is recorded.

    Attributes:
        folder: name of the loss in paths, scalars and figures; empty if no other loss
            is recorded.
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
        # Module names may contain slashes.
        self.folder = '' if alone else re.sub(r'[^\w.-]', '_', name)
        self._observer = LossObserver(module, sums.add, num_classes)

    def leave_out(self, padding: tuple[int, int]) -> None:
        """Leave the last samples of the coming batch out; see ``BatchPadding``."""
        self._observer.padding = padding

    def remove(self) -> None:
        """Stop recording."""
        self._observer.remove()


def recording_state(losses: Sequence[RecordedLoss]) -> dict[str, Any]:
    """State for a checkpoint: that of a single loss, or of each loss by name."""
    if len(losses) == 1:
        return losses[0].sums.state_dict()
    return {loss.name: loss.sums.state_dict() for loss in losses}


def restore_recording(
    losses: Sequence[RecordedLoss], state: dict[str, Any] | None
) -> list[str]:
    """Restore a state returned by :func:`recording_state`.

    Args:
        losses: recorded losses of the training.
        state: state from a checkpoint, or None if it has none.

    Returns:
        A reason for each loss whose statistics could not be restored, to follow "the
        checkpoint".
    """
    reasons = []
    for loss in losses:
        alone = state is not None and 'finished' in state
        own = state if alone and len(losses) == 1 else (state or {}).get(loss.name)
        of = '' if len(losses) == 1 else f' of {loss.name}'
        if own is None:
            reasons.append(f'has no gradient statistics{of}')
        elif not loss.sums.load_state_dict(own):
            reasons.append(
                f'has gradient statistics{of} with different classes, shot groups or '
                'matrix size'
            )
    return reasons
