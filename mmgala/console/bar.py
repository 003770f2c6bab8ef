"""One progress bar for a command, or occasional lines where there is no terminal."""

import contextlib
import time
from collections.abc import Hashable, Iterator
from types import TracebackType

from mmgala.console.interrupts import interrupts_wait
from mmgala.console.output import rich_console, say
from mmgala.console.session import current_session
from mmgala.console.time_left import Clock, duration

REDRAW = (0.2, 2.0)  # least and most seconds between two pictures of the bar
DRAWING = 0.002  # share of the time that is spent on drawing it, within these limits
LINES = 10  # number of parts of the work after which there is a line, in a pipe
LINE_SECONDS = (2.0, 600.0)  # least and most seconds between two such lines


class Bar:
    """Shows how much of some work is done, and how long the rest takes.

    On a terminal, this is a bar. The thread that does the work redraws it, less often
    if that takes long, and it disappears at the end. Elsewhere, there is a line after
    each tenth of the work, but not within two seconds of the one before, and at least
    every ten minutes. With ``--verbose``, nothing is shown, as the log says it. It is
    shown on stderr, by the first rank.

    Args:
        clock: seconds, with any start.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._session = session = current_session()
        self._shows = session is not None and session.shows and not session.verbose
        self._drawn: _Drawn | None = None
        self._next = self._next_part = 0.0
        self._part: Hashable = None
        self._line = (0.0, 0.0)  # share and time of the last one

    def __enter__(self) -> 'Bar':
        if self._shows and self._session is not None:
            console = rich_console(self._session.err)
            if console.is_terminal and not console.is_dumb_terminal:
                self._drawn = _Drawn(console)
                self._session.bar = self
            self._line = (0.0, self._clock())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Remove the bar."""
        if self._drawn is not None:
            self._drawn.stop()
        if self._session is not None and self._session.bar is self:
            self._session.bar = None
        self._shows = False

    def due(self, part: Hashable = None) -> bool:
        """Whether an update would be shown: a cheap question to ask in each step.

        Args:
            part: of the work, such as an epoch. A new one does not wait for as long as
                a slow terminal makes others wait.
        """
        if not self._shows:
            return False
        is_new = part is not None and part != self._part
        return self._clock() >= (self._next_part if is_new else self._next)

    def update(
        self, what: str, share: float, left: float | None, part: Hashable = None
    ) -> None:
        """Show how far the work is.

        Args:
            what: what is done now, and its loss.
            share: of the work that is done, 0 to 1.
            left: seconds that the rest will take, if that is known.
            part: that :meth:`due` was asked about.
        """
        if not self._shows:
            return
        start = self._clock()
        remaining = '' if left is None else f'{duration(left)} left'
        if self._drawn is not None:
            self._drawn.update(what, share, remaining)
        elif self._line_is_due(share):
            self._line = (share, self._clock())
            say('; '.join(filter(None, (f'{share:4.0%}  {what}', remaining))))
        # A terminal may be slow, as over a network, and the work waits for it.
        end = self._clock()
        self._part = self._part if part is None else part
        self._next_part = end + REDRAW[0]
        self._next = end + min(max(REDRAW[0], (end - start) / DRAWING), REDRAW[1])

    def _line_is_due(self, share: float) -> bool:
        since = self._clock() - self._line[1]
        if since < LINE_SECONDS[0]:
            return False
        passed = int(share * LINES + 1e-9) > int(self._line[0] * LINES + 1e-9)
        return share < 1 and (passed or since >= LINE_SECONDS[1])

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar from the terminal while something else is printed."""
        if self._drawn is None:
            yield
            return
        was_shown = self._drawn.hide()
        try:
            yield
        finally:
            if was_shown:
                self._drawn.show()


class _Drawn:
    """The bar on a terminal.

    Rich would draw a bar twice whose drawing was interrupted, and remove one of them.
    """

    def __init__(self, console: object) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        assert isinstance(console, Console)
        self._progress = Progress(
            TextColumn('{task.percentage:>3.0f}%'),
            BarColumn(bar_width=30),
            TextColumn('{task.fields[left]}'),
            TextColumn('{task.description}', markup=False),
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task('', total=1.0, left='')
        self._hidden = True

    @interrupts_wait()
    def update(self, what: str, share: float, left: str) -> None:
        self._progress.update(self._task, description=what, completed=share, left=left)
        self.show()
        self._progress.refresh()

    @interrupts_wait()
    def show(self) -> None:
        if self._hidden:
            self._hidden = False
            self._progress.start()

    @interrupts_wait()
    def hide(self) -> bool:
        if self._hidden:
            return False
        self._hidden = True
        self._progress.stop()
        return True

    def stop(self) -> None:
        self.hide()
