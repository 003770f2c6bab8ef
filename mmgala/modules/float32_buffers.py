"""Buffers that keep their precision when the model is cast."""

from collections.abc import Callable

from torch import nn


class Float32BuffersMixin(nn.Module):
    """Follow the model to another device, but never to another data type.

    ``model.half()`` would turn sums over a data set into infinity at 65,504 and lose
    the contribution of a small batch long before.
    """

    def _apply(self, fn: Callable, recurse: bool = True) -> 'Float32BuffersMixin':
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, buffer in before.items():
            after = self._buffers[name]
            if buffer is None or after is None or after.dtype == buffer.dtype:
                continue
            self._buffers[name] = buffer.to(after.device)
        return self
