"""Progress over bytes, and over the runs of a comparison."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

CONSOLE = Console(width=None if sys.stdout.isatty() else 110)
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


class RunProgress:
    """Shows how many runs are done and how long the others will take.

    On a terminal, a progress bar; elsewhere, a line for each run that has ended.

    Args:
        total: number of runs, including those that were finished before.
        finished: number of runs that were finished before.
    """

    def __init__(self, total: int, finished: int = 0) -> None:
        self._total = total
        self._ended = self._before = finished
        self._shares: dict[str, float] = {}
        self._starts: dict[str, float] = {}  # shares completed earlier
        self._start = time.monotonic()
        self._progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            TextColumn('{task.completed:.1f} of {task.total:.0f} runs'),
            TextColumn('{task.fields[left]}'),
            console=CONSOLE,
        )
        self._bar = self._progress.add_task(
            'starting', total=total, completed=finished, left=''
        )

    def __enter__(self) -> 'RunProgress':
        if CONSOLE.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def advanced(self, name: str, share: float) -> None:
        """A run has completed this share of its work."""
        self._starts.setdefault(name, share)
        self._shares[name] = share
        self._show(name)

    def ended(self, name: str, seconds: float, error: str | None) -> None:
        """A run has ended; ``error`` is one line if it failed."""
        self._ended += 1
        self._shares[name] = 1.0
        count = f'{self._ended} of {self._total}'
        if error is None:
            text = f'{escape(name)}: {seconds:.0f} s'
        else:
            text = f'[red]{escape(name)} failed: {escape(error)}[/red]'
        left = self.time_left()
        self._show(name)
        line = f'({count}) {text}{f"; {left} left" if left else ""}'
        CONSOLE.print(line, highlight=False, soft_wrap=True)

    def time_left(self) -> str:
        """For example ``12 min``; empty if nothing is left or known yet."""
        known = sum(self._shares.values())
        missing = self._total - self._before - known
        done = known - sum(self._starts.values())
        if done <= 0 or missing < 1e-6:
            return ''
        return duration((time.monotonic() - self._start) / done * missing)

    def _show(self, name: str) -> None:
        left = self.time_left()
        self._progress.update(
            self._bar,
            completed=self._before + sum(self._shares.values()),
            description=escape(name),
            left=f'{left} left' if left else '',
        )


def duration(seconds: float) -> str:
    """Format seconds as seconds, minutes or hours, with two or three digits."""
    if seconds < 100:
        return f'{seconds:.0f} s'
    if seconds < 100 * 60:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'
