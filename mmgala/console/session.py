"""The console of one command: who may print what, and where it goes.

While a command runs, ``sys.stdout`` and ``sys.stderr`` are diverted: what libraries
print, log or warn goes to the log file, and what this project or a user's own code
prints goes to stderr. With ``--verbose``, all of it goes to stderr. Only
:func:`mmgala.console.result` writes to stdout. Of several ranks, the first one shows
anything.
"""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

from mmgala.console.origin import PACKAGE, from_library
from mmgala.console.streams import Diverted, Noise, StandardOutput
from mmgala.utils.ranks import launched_rank


class Session:
    """What a command prints with, and what it keeps from being printed.

    Attributes:
        verbose: whether everything is shown.
        shows: whether this process shows anything: the first of several ranks.
        bar: the progress bar, if one is shown.
        log: path of the log file, if there is one.
        told: what this project has logged and the console shows, each line once.
    """

    def __init__(self) -> None:
        self.verbose = False
        self.shows = launched_rank() == 0
        self.bar: Any = None
        self.log: str | None = None
        self.told: set[str] = set()
        self._owner = os.getpid()
        self._stdout = StandardOutput()
        self._stderr: TextIO = sys.stderr
        self._noise = Noise()
        self._captures = 0
        self._part = ''
        self._undo = contextlib.ExitStack()

    @property
    def out(self) -> TextIO:
        """Stdout itself, for results."""
        return self._stdout.stream

    @property
    def err(self) -> TextIO:
        """Stderr itself, for everything else that is shown."""
        return self._stderr

    def start(self, verbose: bool) -> None:
        """Divert all output from now on; called when the arguments are known."""
        self._capture()
        if verbose and not self.verbose:
            self.verbose = True
            self.show(self._noise.held())
            os.environ.pop('TORCH_CPP_LOG_LEVEL', None)
            self._divert_descriptor()

    def close(self) -> None:
        """Remove the bar, and give the streams back."""
        if self.bar is not None:
            self.bar.stop()
        if self._part:
            self.show(self._part)
        self._undo.close()
        self._stdout.restore()
        self._noise.close()

    @contextlib.contextmanager
    def capturing(self) -> Iterator[None]:
        """Divert all output while the block runs, if it is not diverted already."""
        if self._captures:
            yield
            return
        self._capture()
        try:
            yield
        finally:
            self._captures = 0
            self._undo.close()

    def log_to(self, path: str, fd: int) -> None:
        """Write what libraries print to an open log file, from now on.

        Args:
            path: of the log file.
            fd: its descriptor.
        """
        if os.getpid() != self._owner:
            return
        self.log = path
        self._noise.continue_in(fd)
        self._divert_descriptor()

    def hide(self, text: str) -> None:
        """Write to the log file only."""
        self._noise.write(text)

    def _capture(self) -> None:
        if self._captures:
            return
        self._captures = 1
        for name, fd in (('stdout', 1), ('stderr', 2)):
            stream = Diverted(self._received, self._shows_colours, fd)
            self._undo.callback(setattr, sys, name, getattr(sys, name))
            setattr(sys, name, stream)
        self._undo.callback(setattr, warnings, 'showwarning', warnings.showwarning)
        warnings.showwarning = self._warned
        self._divert_descriptor()

    def _shows_colours(self) -> bool:
        return self.verbose and self._stderr.isatty()

    def _divert_descriptor(self) -> None:
        self._stdout.divert(2 if self.verbose else self._noise.fileno())

    def _received(self, text: str) -> None:
        if not self.verbose and from_library():
            self.hide(text)
            return
        text, self._part = self._part + text, ''
        if self.bar is not None and not text.endswith('\n'):
            self._part = text  # the bar takes whole lines
            return
        self.show(text)

    def show(self, text: str) -> None:
        """Write to stderr, beside the progress bar; one rank does."""
        if os.getpid() != self._owner:  # a worker of a data loader
            os.write(2, text.encode(errors='backslashreplace'))
        elif self.shows or self.verbose:
            with self.paused_bar():
                self._stderr.write(text)
                self._stderr.flush()

    @contextlib.contextmanager
    def paused_bar(self) -> Iterator[None]:
        """Take the bar from the terminal while something is printed."""
        if self.bar is None or os.getpid() != self._owner:
            yield
            return
        with self.bar.paused():
            yield

    def _warned(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if category.__module__.partition('.')[0] == PACKAGE and not self.verbose:
            self.show(f'warning: {message}\n')
            return
        # Warnings from C++ seem to come from the line of ours that called a library.
        text = warnings.formatwarning(message, category, filename, lineno, line)
        (self.show if self.verbose else self.hide)(text)


class _Current:
    session: Session | None = None


def current_session() -> Session | None:
    """The session of the command that runs in this process, if there is one."""
    return _Current.session


@contextlib.contextmanager
def command_session() -> Iterator[Session]:
    """Open the console of a command; a command within another shares its console."""
    if _Current.session is not None:
        yield _Current.session
        return
    _Current.session = session = Session()
    try:
        yield session
    finally:
        _Current.session = None
        session.close()
