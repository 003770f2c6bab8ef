"""A loss that is watched in training, and the sums of what it sends back."""

import re
from collections.abc import Sequence
from typing import Any

from torch import nn

from mmgala.engine.gradient_accumulator import GradientAccumulator
from mmgala.engine.loss_observer import LossObserver


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
