"""What the console shows while the runs of a comparison are trained."""

import time
from collections.abc import Sequence
from typing import Any

from mmgala.comparison.run_times import RunTimes, Work
from mmgala.console import say, warn
from mmgala.console.bar import Bar
from mmgala.console.time_left import Clock, duration

MOST_TOLD = 3  # runs whose validations are shown


class RunProgress:
    """Shows how many runs are done and how long the others will take.

    There is one bar for all runs on a terminal, and a line for each run that has ended.
    Of up to three runs, each validation is a line, too.

    Args:
        todo: runs to do, in order.
        workers: number of runs at a time.
        earlier: seconds that runs took which had finished before.
        clock: seconds, with any start.
    """

    def __init__(
        self,
        todo: Sequence[Work],
        workers: int = 1,
        earlier: Sequence[tuple[Work, float]] = (),
        clock: Clock = time.monotonic,
    ) -> None:
        self._times = RunTimes(todo, workers, earlier, clock)
        self._total = len(todo) + len(earlier)
        self._ended = len(earlier)
        self._todo = len(todo)
        self._running: dict[str, float] = {}
        self._what: dict[str, str] = {}
        self._header = ''  # of the table of validations
        self._bar = Bar(clock)

    def __enter__(self) -> 'RunProgress':
        self._bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.stop()

    def started(self, name: str) -> None:
        """A run has started."""
        self._times.started(name)
        self._running[name] = 0.0
        self._show()

    def advanced(self, name: str, share: float, what: str = '') -> None:
        """A run has completed this share of its work, and does ``what`` now."""
        self._times.advanced(name, share)
        self._running[name] = share
        self._what[name] = what
        if self._bar.due():
            self._show()

    def told(self, name: str, line: str) -> None:
        """A run has validated: shown if there are few runs, in one table."""
        if self._todo > MOST_TOLD:
            return
        if line.split()[0].isdigit():
            say(line if self._todo == 1 else f'{line}  {name}')
        elif line != self._header:
            self._header = line
            say(line)

    def ended(self, name: str, seconds: float, error: str | None) -> None:
        """A run has ended; ``error`` is one line if it failed."""
        self._times.ended(name, seconds, error is not None)
        self._running.pop(name, None)
        self._ended += 1
        count = f'({self._ended} of {self._total})'
        if error is not None:
            warn(f'{count} {name} failed: {error}')
            return
        left = self._times.seconds_left()
        rest = f'; {duration(left)} left' if left else ''
        say(f'{count} {name}: {duration(seconds)}{rest}')

    def _show(self) -> None:
        if self._total == 1:
            text = ', '.join(f'{k}: {self._what.get(k, "")}' for k in self._running)
        else:
            names = ', '.join(f'{k} ({v:.0%})' for k, v in self._running.items())
            text = f'{self._ended} of {self._total} runs; {names}'
        self._bar.update(text, self._times.share(), self._times.seconds_left())
