"""Progress over items that take about equally long."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmgala.console.bar import Bar
from mmgala.console.time_left import Clock, TimeLeft


@contextmanager
def counted(
    what: str, total: int, clock: Clock = time.monotonic
) -> Iterator[Callable[[], None]]:
    """Show how many items are done, and how long the others will take.

    Args:
        what: description of the work.
        total: number of items.
        clock: seconds, with any start.

    Yields:
        A function to call after each item.
    """
    left = TimeLeft(clock)
    left.plan(what, total)
    left.start()

    def done() -> None:
        left.advance(what, 1)
        if bar.due():
            bar.update(what, left.share(), left.seconds())

    with Bar(clock) as bar:
        yield done
