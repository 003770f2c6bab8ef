"""How long the unfinished runs of a comparison will take."""

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmgala.console.time_left import Clock

# Time to re-train a classifier in that to train a model, until one was measured.
RETRAINING = 0.2
# Share of a run from which on its own pace is better evidence than that of others.
TELLING_SHARE = 0.1


@dataclass(frozen=True)
class Work:
    """A run that has to be done.

    Attributes:
        name: unique name.
        method: runs of one method take about equally long.
        retrains: whether it re-trains a classifier, rather than train a model.
        after: names of runs that must be finished first.
    """

    name: str
    method: str = ''
    retrains: bool = False
    after: tuple[str, ...] = ()


class RunTimes:
    """Estimates how long runs on several workers will take.

    A run is expected to take as long as finished runs of its method did, or else as
    finished runs of its kind, with their tests; until one has finished, as the running
    ones suggest. The rest is scheduled on the workers, in order.

    Args:
        todo: runs to do, in order.
        workers: number of runs at a time.
        earlier: seconds that runs took which had finished before, with a name each.
        clock: seconds, with any start.
    """

    def __init__(
        self,
        todo: Sequence[Work],
        workers: int,
        earlier: Sequence[tuple[Work, float]] = (),
        clock: Clock = time.monotonic,
    ) -> None:
        self._waiting = {work.name: work for work in todo}
        self._running: dict[str, tuple[Work, float]] = {}
        self._shares: dict[str, float] = {}
        self._first: dict[str, tuple[float, float]] = {}  # share and time
        self._measured = list(earlier)
        self._workers = max(workers, 1)
        self._clock = clock
        self._start = clock()

    def started(self, name: str) -> None:
        """A run has started."""
        self._running[name] = (self._waiting.pop(name), self._clock())

    def advanced(self, name: str, share: float) -> None:
        """A run has completed this share of its work."""
        self._first.setdefault(name, (share, self._clock()))
        self._shares[name] = share

    def ended(self, name: str, seconds: float, failed: bool = False) -> None:
        """A run has ended after some seconds; failed ones are no measure."""
        work = self._waiting.pop(name, None)
        if name in self._running:
            work, _ = self._running.pop(name)
        if work is not None and not failed:
            self._measured.append((work, seconds + self._done_earlier(name)))

    def share(self) -> float:
        """Share of the time that is over, 0 to 1."""
        left = self.seconds_left()
        passed = self._clock() - self._start
        if left is None:
            return 0.0
        return passed / (passed + left) if passed + left else 1.0

    def seconds_left(self) -> float | None:
        """Seconds until the last run has ended; None before anything is known."""
        ends: dict[str, float] = {}
        for name, (work, start) in self._running.items():
            left = self._left_of(name, work, start)
            if left is None:
                return None
            ends[name] = left
        free = sorted(ends.values())
        free = [0.0] * max(self._workers - len(free), 0) + free
        for name, work in self._waiting.items():
            takes = self._expected(work)
            if takes is None:
                return None
            ready = max((ends.get(other, 0.0) for other in work.after), default=0.0)
            ends[name] = max(heapq.heappop(free), ready) + takes
            heapq.heappush(free, ends[name])
        return max(ends.values(), default=0.0)

    def _left_of(self, name: str, work: Work, start: float) -> float | None:
        pace = self._pace(name)
        share = self._shares.get(name, 0.0)
        expected = self._measured_like(work)
        if pace is not None and (expected is None or share >= TELLING_SHARE):
            return pace * (1 - share)
        expected = self._expected(work) if expected is None else expected
        passed = self._clock() - start
        return None if expected is None else max(expected - passed, 0.0)

    def _expected(self, work: Work) -> float | None:
        """Seconds that a run takes."""
        same = [s for w, s in self._measured if _same_method(w, work)]
        same = same or self._paces(lambda other: _same_method(other, work))
        if same:
            return float(np.mean(same))
        if (alike := self._measured_like(work)) is not None:
            return alike
        paces = self._paces(lambda other: other.retrains == work.retrains)
        if paces or not work.retrains:
            return float(np.mean(paces)) if paces else None
        model = self._expected(Work('', retrains=False))
        return None if model is None else RETRAINING * model

    def _measured_like(self, work: Work) -> float | None:
        """Mean of the finished runs of its method or, without any, of its kind."""
        same = [s for w, s in self._measured if _same_method(w, work)]
        kind = [s for w, s in self._measured if w.retrains == work.retrains]
        return float(np.mean(same or kind)) if kind else None

    def _paces(self, chosen: Callable[[Work], bool]) -> list[float]:
        """Seconds that running runs seem to take, with their imports and data sets."""
        return [
            pace + self._lead(name)
            for name, (work, _) in self._running.items()
            if chosen(work) and (pace := self._pace(name)) is not None
        ]

    def _lead(self, name: str) -> float:
        """Seconds that a running run took to begin: imports and data sets."""
        return self._first[name][1] - self._running[name][1]

    def _done_earlier(self, name: str) -> float:
        """Seconds of what a run had done before it was resumed, at its own pace."""
        share, since = self._first.get(name, (0.0, 0.0))
        return share / (1 - share) * (self._clock() - since) if share < 1 else 0.0

    def _pace(self, name: str) -> float | None:
        """Seconds that a whole run would take at the pace of a running one."""
        share, since = self._first.get(name, (0.0, 0.0))
        done = self._shares.get(name, 0.0) - share
        return (self._clock() - since) / done if done > 0 else None


def _same_method(one: Work, other: Work) -> bool:
    return bool(one.method) and one.method == other.method
