"""Sizes for people, and a progress bar that shows them."""

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
UNITS = ('bytes', 'kB', 'MB', 'GB', 'TB')


def size_text(size: int) -> str:
    """Bytes with a unit of 1000.

    Examples:
        >>> size_text(170_498_071)
        '170 MB'
        >>> size_text(6_300_000_000)
        '6.3 GB'
    """
    value = float(size)
    for unit in UNITS:
        if value < 999.5 or unit == UNITS[-1]:
            break
        value /= 1000
    digits = 0 if value >= 9.95 or unit == UNITS[0] else 1
    return f'{value:.{digits}f} {unit}'


@contextmanager
def progress_bar(what: str, total: int | None, done: int = 0) -> Iterator[Bar]:
    """Show bytes done, speed and time left, where standard error is a terminal.

    Args:
        what: is being done.
        total: bytes, where known.
        done: bytes at the start.

    Yields:
        Function that takes the bytes done so far.
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
