"""Interrupts that wait for the end of what must not be cut in two."""

import contextlib
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the end of the block.

    Only the main thread runs handlers; elsewhere nothing is changed.
    """
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    callable_ones = {n: handler for n, handler in handlers.items() if callable(handler)}
    if threading.current_thread() is not threading.main_thread():
        callable_ones = {}
    received: list[tuple] = []
    for number in callable_ones:
        signal.signal(number, lambda *arguments: received.append(arguments))
    try:
        yield
    finally:
        for number, handler in callable_ones.items():
            signal.signal(number, handler)
    for number, frame in received[:1]:
        callable_ones[number](number, frame)
