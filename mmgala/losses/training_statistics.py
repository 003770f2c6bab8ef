"""Buffers that a training accumulates: each new training starts them again."""

from typing import Any

import torch
from torch import Tensor

from mmgala.functional.checks import check_restored
from mmgala.modules.float32_buffers import Float32BuffersMixin
from mmgala.modules.runner import log, training_is_resumed

LOW = '_low'


class TrainingStatistics(Float32BuffersMixin):
    """A module with buffers that describe the data it was trained on.

    They are part of the checkpoint, for a training that is resumed. If the weights of a
    checkpoint are loaded into a *new* training (``load_from``), which may be on other
    data, they start again, and the log says so. MMEngine's runner needs no hook
    for that: this module asks its message hub when the runner starts to train. Without
    a runner, loaded statistics stay; call :meth:`reset_statistics`.

    Subclasses name the buffers in :attr:`statistics`.

    Attributes:
        padding (tuple[int, int]): number of samples at the end of the coming batch that
            are not to be counted, and size of that batch; see
            :class:`mmgala.engine.PaddingHook`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._restored = False  # whether they come from a checkpoint
        self.padding = (0, 0)

    @property
    def statistics(self) -> dict[str, Tensor]:
        """Buffers that a training accumulates, by name.

        Where a name ends in ``_low``, it is the low-order part of another sum: it may
        be negative, and old checkpoints lack it.
        """
        return {}

    def without_padding(self, rows: Tensor, *others: Any) -> tuple[Any, ...]:
        """Tensors with one row per sample, without the rows of padding samples.

        Args:
            rows: ``(N, ...)``.
            *others: of the same length, or ``None``.
        """
        padding, size = self.padding
        if not padding or len(rows) != size:
            return rows, *others
        kept = size - padding
        return tuple(None if each is None else each[:kept] for each in (rows, *others))

    @torch.no_grad()
    def reset_statistics(self) -> None:
        """Start the statistics again, as in a new module."""
        self._restored = False
        for buffer in self.statistics.values():
            buffer.zero_()

    def train(self, mode: bool = True) -> 'TrainingStatistics':
        """Set training mode; at the start of a new training, reset what was loaded."""
        if mode:
            self.drop_loaded()
        return super().train(mode)

    def drop_loaded(self) -> None:
        """In a new training of MMEngine's runner, reset what was loaded."""
        if self._restored and (resumed := training_is_resumed()) is not None:
            self._restored = False
            if not resumed:
                log(self._dropped())
                self.reset_statistics()

    def _dropped(self) -> str:
        """Line for the log on what is reset."""
        sums = {n: b for n, b in self.statistics.items() if not n.endswith(LOW)}
        found = ', '.join(f'{n} (up to {float(b.max()):.6g})' for n, b in sums.items())
        return (
            f'{type(self).__name__} starts its statistics again: {found} in the loaded '
            'weights are of another training. --resume would continue with them.'
        )

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        for name, buffer in self.statistics.items():
            low = name.endswith(LOW)
            stored = state_dict.get(prefix + name)
            if isinstance(stored, Tensor):
                check_restored(prefix + name, stored, signed=low)
            elif low and prefix + name.removesuffix(LOW) in state_dict:
                state_dict[prefix + name] = torch.zeros_like(buffer)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        self._restored = any(bool(buffer.any()) for buffer in self.statistics.values())
