"""Streams that take the place of stdout and stderr while a command runs."""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable
from typing import TextIO


class Diverted(io.TextIOBase):
    """A text stream that hands over what is written to it.

    Args:
        write: takes the text.
        isatty: whether libraries may use colours.
        fd: the descriptor that it stands for.
    """

    encoding = 'utf-8'

    def __init__(
        self, write: Callable[[str], None], isatty: Callable[[], bool], fd: int
    ) -> None:
        self._write = write
        self._isatty = isatty
        self._fd = fd

    def write(self, text: str) -> int:
        """Hand over some text."""
        self._write(text)
        return len(text)

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def fileno(self) -> int:
        """The descriptor that other programs may inherit."""
        return self._fd

    def isatty(self) -> bool:
        """Whether it is shown on a terminal."""
        return self._isatty()


class Noise:
    """A file for what others print: at first a temporary one, later that of the log."""

    def __init__(self) -> None:
        try:
            file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
            self._fd = os.dup(file.fileno())
            file.close()
        except OSError:  # no room, for example
            self._fd = os.open(os.devnull, os.O_RDWR)
        self._held = True

    def fileno(self) -> int:
        """The file descriptor to write to."""
        return self._fd

    def write(self, text: str) -> None:
        """Write text; an error of the disk is left to those who write results."""
        with contextlib.suppress(OSError):
            os.write(self._fd, text.encode(errors='backslashreplace'))

    def held(self) -> str:
        """What was written before there was a log file."""
        if not self._held:
            return ''
        content = b''
        with contextlib.suppress(OSError):
            size = os.lseek(self._fd, 0, os.SEEK_CUR)
            content = os.pread(self._fd, size, 0)
        return content.decode(errors='replace')

    def continue_in(self, fd: int) -> None:
        """Move what is held to an open log file, and write there from now on.

        Args:
            fd: descriptor of the file, which is duplicated: with it, all writers share
                one position.
        """
        held = self.held()
        os.dup2(fd, self._fd)
        self._held = False
        if held:
            self.write(held if held.endswith('\n') else f'{held}\n')

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def is_own_descriptor(stream: TextIO, number: int) -> bool:
    """Whether a stream writes to this file descriptor."""
    try:
        return stream.fileno() == number
    except (OSError, ValueError, AttributeError):  # a test's or a notebook's stream
        return False


class StandardOutput:
    """The descriptor of stdout, which C and C++ libraries write to.

    ``divert`` lets them write elsewhere; :attr:`stream` still writes to stdout.
    """

    def __init__(self) -> None:
        self.stream: TextIO = sys.stdout
        self._own = sys.stdout
        self._kept: int | None = None

    def divert(self, fd: int) -> None:
        """Let descriptor 1 be a duplicate of ``fd``."""
        if self._kept is None:
            if not is_own_descriptor(self._own, 1):
                return
            self._own.flush()
            self._kept = os.dup(1)
            self.stream = open(  # noqa: SIM115  # closed by restore()
                os.dup(1),
                'w',
                encoding=self._own.encoding,
                errors='backslashreplace',
            )
        os.dup2(fd, 1)

    def restore(self) -> None:
        """Let descriptor 1 be stdout again."""
        if self._kept is None:
            return
        with contextlib.suppress(OSError, ValueError):
            self.stream.close()
        os.dup2(self._kept, 1)
        os.close(self._kept)
        self._kept, self.stream = None, self._own
