"""How long work will still take, from how long its parts took so far."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]
SPACING = 1.02  # each mark has at least this many times the work of the one before


@dataclass
class _Part:
    """Work of one kind.

    Attributes:
        total: units to do.
        like: another part, and how many of its units take as long as one of this.
        done: units done in this process or before.
        seconds: time spent on the units done in this process.
        marks: units done in this process, and the seconds that they took.
    """

    total: float
    like: tuple[str, float] | None = None
    done: float = 0.0
    seconds: float = 0.0
    marks: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])

    def advance(self, units: float, seconds: float) -> None:
        self.done += units
        self.seconds += seconds
        measured = self.marks[-1][0] + units
        if len(self.marks) == 1 or self.marks[-1][0] > SPACING * self.marks[-2][0]:
            self.marks.append((measured, self.seconds))
        else:
            self.marks[-1] = (measured, self.seconds)

    def seconds_per_unit(self) -> float | None:
        """Mean over the later half of what was done: the first steps are slow."""
        done, seconds = self.marks[-1]
        if done <= 0:
            return None
        half = next(mark for mark in reversed(self.marks) if 2 * mark[0] <= done)
        return (seconds - half[1]) / (done - half[0])


class TimeLeft:
    """Estimates the time that is left of work of several kinds.

    Args:
        clock: seconds, with any start.

    Examples:
        >>> left = TimeLeft(clock=iter([0.0, 10.0]).__next__)
        >>> left.plan('train', 100)
        >>> left.plan('val', 5, like=('train', 2.0))  # as long as 2 steps of training
        >>> left.start()
        >>> left.advance('train', 20)
        >>> left.seconds()
        45.0
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._parts: dict[str, _Part] = {}
        self._last = 0.0

    def plan(
        self,
        name: str,
        total: float,
        done: float = 0.0,
        like: tuple[str, float] | None = None,
    ) -> None:
        """Add work, or correct what is known about it.

        Args:
            name: of the part.
            total: units of work.
            done: units that were done before.
            like: a part, and how many of its units probably take as long as one of
                these; used until one of these was measured.
        """
        known = self._parts.get(name)
        if known is None:
            self._parts[name] = _Part(total, like, done)
        else:
            known.total, known.like = total, like
            known.done = max(known.done, done)

    def start(self) -> None:
        """Start to measure: the time before this belongs to no part."""
        self._last = self._clock()

    def advance(self, name: str, units: float = 0.0) -> None:
        """Some work is done, and the time since the last call was spent on it."""
        now = self._clock()
        self._parts[name].advance(units, now - self._last)
        self._last = now

    def share(self) -> float:
        """Share of the work that is done, 0 to 1, by the time that it takes."""
        done = left = 0.0
        for part in self._parts.values():
            cost = self._cost(part) or (1.0 if part.like is None else 0.0)
            done += part.done * cost
            left += max(part.total - part.done, 0) * cost
        return done / (done + left) if done + left else 1.0

    def seconds(self) -> float | None:
        """Seconds left; None before anything was measured."""
        left = 0.0
        for part in self._parts.values():
            missing = max(part.total - part.done, 0.0)
            cost = self._cost(part)
            if missing and cost is None:
                return None
            left += missing * (cost or 0.0)
        return left

    def _cost(self, part: _Part) -> float | None:
        measured = part.seconds_per_unit()
        if measured is None and part.like is not None:
            like = self._parts[part.like[0]]
            found = self._cost(like)
            return None if found is None else found * part.like[1]
        return measured


def duration(seconds: float) -> str:
    """Format seconds as seconds, minutes or hours, with two or three digits.

    Examples:
        >>> [duration(seconds) for seconds in (12, 600, 36_000)]
        ['12 s', '10 min', '10.0 h']
    """
    if seconds < 100:
        return f'{seconds:.0f} s'
    if seconds < 100 * 60:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'
