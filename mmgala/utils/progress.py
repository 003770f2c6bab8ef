"""Progress bar over bytes."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Bar = Callable[[int], None]


@contextmanager
def progress_bar(what: str, total: int | None, done: int = 0) -> Iterator[Bar]:
    """Show bytes done, speed and time left if standard error is a terminal.

    Args:
        what: description of the work.
        total: number of bytes, if known.
        done: number of bytes that are already done.

    Yields:
        A function to call with the number of bytes done so far.
    """
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(file=sys.stderr)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total, completed=done)
        yield lambda position: progress.update(task, completed=position)
