"""Progress over bytes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmgala.console.bar import Bar
from mmgala.console.time_left import Clock, TimeLeft

ReportBytes = Callable[[int], None]


@contextmanager
def byte_bar(
    what: str, total: int | None, done: int = 0, clock: Clock = time.monotonic
) -> Iterator[ReportBytes]:
    """Show how many bytes are done, and how long the others will take.

    Args:
        what: description of the work.
        total: number of bytes, if known.
        done: number of bytes that are already done.
        clock: seconds, with any start.

    Yields:
        A function to call with the number of bytes done so far.
    """
    left = TimeLeft(clock)
    left.plan(what, total or 0, done)
    left.start()
    last = done

    def report(position: int) -> None:
        nonlocal last
        left.advance(what, position - last)
        last = position
        if bar.due():
            size = f'{position / 1e6:,.1f}'
            size += ' MB' if total is None else f' of {total / 1e6:,.1f} MB'
            known = total is not None
            share = left.share() if known else 0.0
            bar.update(f'{what}, {size}', share, left.seconds() if known else None)

    with Bar(clock) as bar:
        yield report
