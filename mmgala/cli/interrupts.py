"""Ctrl-C and SIGTERM end a tool with one line, within seconds.

Tools import this before anything else, so that it also holds during their other
imports, which take seconds. It must therefore import little itself.
"""

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import TextIO

from mmgala.utils.ranks import speaks_for_all

GRACE = 1.0  # seconds in which a tool may release what it holds
SIGNALS = {signal.SIGINT: 'interrupted', signal.SIGTERM: 'terminated'}
PR_SET_PDEATHSIG = 1  # of Linux's prctl
_FOLDER = os.path.dirname(os.path.realpath(__file__))
DEFAULT_ADVICE = 'run the same command again'


class Terminated(KeyboardInterrupt):
    """SIGTERM, which is handled like Ctrl-C."""


class _State:
    """What this process has been told, and by whom it was started."""

    owner = os.getpid()
    received: int | None = None
    running = False  # whether a tool's main function may clean up
    said = False
    advice = DEFAULT_ADVICE


def exit_status() -> int:
    """Exit status as in shells: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_State.received or signal.SIGINT)


def say_interrupted(number: int | None = None) -> None:
    """Print the line about the interruption, once, and by one process of a launch.

    Args:
        number: of the signal; default: the one that this process has received.
    """
    if _State.said or not speaks_for_all(waits=False):
        return
    _State.said = True
    what = SIGNALS[signal.Signals(number or _State.received or signal.SIGINT)]
    stream = _stderr()
    # A progress bar may still be there, and has hidden the cursor.
    clean = '\r\x1b[2K\x1b[?25h' if stream.isatty() else ''
    stream.write(f'{clean}error: {what}; {_State.advice}.\n')
    stream.flush()


def _stderr() -> TextIO:
    """Stderr itself, also while a command diverts ``sys.stderr``."""
    console = sys.modules.get('mmgala.console.session')
    session = None if console is None else console.current_session()
    return sys.stderr if session is None else session.err


def end_now() -> None:
    """End this process and its children without running any more code."""
    with contextlib.suppress(Exception):
        say_interrupted()
        sys.stdout.flush()
    if (processes := sys.modules.get('multiprocessing')) is not None:
        for child in processes.active_children():
            child.kill()
    os._exit(exit_status())


def was_interrupted() -> bool:
    """Whether a signal has arrived."""
    return _State.received is not None


def _handle(number: int, frame: FrameType | None) -> None:
    if os.getpid() != _State.owner:  # a forked worker of a data loader
        if number == signal.SIGINT:
            return  # its parent received it as well, and ends it
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return
    again = _State.received is not None
    _State.received = number
    if again or not _State.running:
        end_now()
    import threading

    # Destructors that are interrupted would print a traceback.
    sys.unraisablehook = lambda unraisable: None
    threading.excepthook = lambda arguments: None
    timer = threading.Timer(GRACE, end_now)  # if the main thread is stuck
    timer.daemon = True
    timer.start()
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


@contextlib.contextmanager
def interruptible(advice: str = DEFAULT_ADVICE) -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` for Ctrl-C and SIGTERM while a tool runs.

    Args:
        advice: how to continue, the second half of the line that is printed.
    """
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _handle) for number in SIGNALS}
    _State.owner, _State.running, _State.advice = os.getpid(), True, advice
    try:
        yield
    finally:
        if not was_interrupted():
            _State.running = False
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def end_at_once() -> Iterator[None]:
    """Let a signal end a running tool without an exception while the block runs.

    An exception in the middle of an import can crash the process.
    """
    before, _State.running = _State.running, False
    try:
        yield
    finally:
        _State.running = before


def end_with_parent() -> None:
    """Let Linux end this process when its parent ends, even if that is killed.

    Without this, the ranks of a killed launcher train on.
    """
    import ctypes

    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):  # not on Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has ended meanwhile
            os._exit(128 + signal.SIGTERM)


def _ignore_signals() -> None:
    """Let a tool that has done its work end with its own status.

    Python resets handlers before it unloads modules, which takes a moment with
    PyTorch: a signal would then kill the process without a word.
    """
    if os.getpid() == _State.owner:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def is_tool(main_file: str | None) -> bool:
    """Whether a program is one of this project's, not a test or a worker."""
    if main_file is None:
        return False
    path, package = os.path.realpath(main_file), os.path.dirname(_FOLDER)
    folders = (package, os.path.join(os.path.dirname(package), 'tools'))
    if os.path.basename(path).partition('.')[0] == 'mmgala':  # the installed command
        return True
    return any(path.startswith(folder + os.sep) for folder in folders)


if is_tool(getattr(sys.modules['__main__'], '__file__', None)):
    for _number in SIGNALS:
        signal.signal(_number, _handle)
    atexit.register(_ignore_signals)  # registered first, so it is called last
    if 'TORCHELASTIC_RUN_ID' in os.environ:
        end_with_parent()
