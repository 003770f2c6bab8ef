"""Whether a forward pass repeats another of the same step, as SAM's second one does."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from torch import nn

from mmgala.losses.gradient_statistics import GradientStatistics

_REPEATS = ContextVar('repeats', default=False)


@contextmanager
def repeated_pass(model: nn.Module) -> Iterator[None]:
    """Context of a forward pass whose samples have been counted before.

    Args:
        model: what is called; its losses do not update their statistics.
    """
    token = _REPEATS.set(True)
    try:
        with ExitStack() as stack:
            for module in model.modules():
                if isinstance(module, GradientStatistics):
                    stack.enter_context(module.frozen())
            yield
    finally:
        _REPEATS.reset(token)


def is_repeated_pass() -> bool:
    """Whether this is within :func:`repeated_pass`."""
    return _REPEATS.get()
