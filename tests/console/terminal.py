"""Commands on a terminal, and what a person sees there."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

from tests.tools.command_line import LIMIT, environment

_PIECE = re.compile(r'\x1b\[([?\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)')


class Screen:
    """Lines of a terminal that are left when a program has ended.

    It knows what rich and this project write: text, colours, line feeds, moving up, and
    erasing a line. Anything else is an error.
    """

    def __init__(self, width):
        self.width = width
        self.lines = ['']
        self.colours = 0
        self.cursor_hidden = False
        self._row = self._column = 0

    def write(self, text):
        for found in _PIECE.finditer(text):
            arguments, letter, control, plain = found.groups()
            if plain is not None:
                self._put(plain)
            elif control == '\r':
                self._column = 0
            elif control == '\n':
                self._down()
            else:
                self._escape(arguments, letter)

    def _put(self, text):
        for character in text:
            if self._column == self.width:
                self._column = 0
                self._down()
            line = self.lines[self._row].ljust(self._column)
            rest = line[self._column + 1 :]
            self.lines[self._row] = line[: self._column] + character + rest
            self._column += 1

    def _down(self):
        self._row += 1
        if self._row == len(self.lines):
            self.lines.append('')

    def _escape(self, arguments, letter):
        if letter == 'm':
            self.colours += arguments not in ('', '0')
        elif letter == 'A':
            self._row = max(self._row - int(arguments or 1), 0)
        elif letter == 'K':
            line = self.lines[self._row]
            self.lines[self._row] = '' if arguments == '2' else line[: self._column]
        elif letter in 'hl' and arguments == '?25':
            self.cursor_hidden = letter == 'l'
        else:
            raise AssertionError(f'unknown escape sequence {arguments}{letter}')

    @property
    def text(self):
        """All lines, without empty ones at the end."""
        return '\n'.join(line.rstrip() for line in self.lines).rstrip()


def on_terminal(command, cwd, width=100, interrupt_at=None, **env):
    """Run a command on a terminal.

    Args:
        command: its words.
        cwd: folder.
        width: columns of the terminal.
        interrupt_at: text after which Ctrl-C is pressed.

    Returns:
        The screen at the end, all that was written to it, and the exit status.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 50, width, 0, 0))
    clean = {k: v for k, v in environment(**env).items() if k in env or k != 'NO_COLOR'}
    process = subprocess.Popen(
        command, cwd=cwd, env={'TERM': 'xterm-256color', **clean, **env},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    written, end = b'', time.monotonic() + LIMIT
    while time.monotonic() < end:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the program has ended
            break
        if not part:
            break
        written += part
        if interrupt_at is not None and interrupt_at.encode() in written:
            os.killpg(process.pid, signal.SIGINT)
            interrupt_at = None
    os.close(ours)
    screen = Screen(width)
    text = written.decode()
    screen.write(text)
    return screen, text, process.wait(timeout=LIMIT)
