"""Functions by which this project prints."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mmgala.console.session import current_session
from mmgala.console.tables import fitting_tables
from mmgala.utils.ranks import launched_rank

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100  # columns of tables, unless a terminal is narrower


def result(text: Any = '') -> None:
    """Print a result, to stdout.

    Args:
        text: text that is printed as it is, or something that rich can draw.
    """
    session = current_session()
    if session is None:
        _print(text, sys.stdout)
    elif session.shows:
        with session.paused_bar():
            _print(text, session.out)
        if isinstance(text, str) and session.log is not None:
            session.hide(f'{text}\n')  # so that the log is complete


def say(text: Any = '') -> None:
    """Tell what happens or where something was written, to stderr.

    Args:
        text: text that is printed as it is, or something that rich can draw.
    """
    session = current_session()
    if session is None:
        if launched_rank() == 0:
            _print(text, sys.stderr)
    elif session.shows:
        with session.paused_bar():
            _print(text, session.err)


def warn(text: str) -> None:
    """Print a warning, to stderr: in yellow on a terminal."""
    session = current_session()
    stream = sys.stderr if session is None else session.err
    if not stream.isatty():
        say(f'warning: {text}')
        return
    from rich.text import Text

    say(Text(f'warning: {text}', style='yellow'))


def log_in(path: Path) -> None:
    """Append what libraries print from now on to a file, in a command."""
    session = current_session()
    if session is not None and session.shows and not session.verbose:
        with open(path, 'a', encoding='utf-8') as log:
            session.log_to(str(path), log.fileno())


def stdout_width() -> int:
    """Number of columns for results: those of a terminal, or ``WIDTH``, if less."""
    session = current_session()
    stream = sys.stdout if session is None else session.out
    if not stream.isatty():
        return WIDTH
    return min(rich_console(stream).width, WIDTH)


def rich_console(stream: TextIO, width: int | None = None) -> 'Console':
    """A console of rich that prints text as it is.

    Colours are used on terminals, unless ``NO_COLOR`` is set.

    Args:
        stream: stdout or stderr itself.
        width: number of columns. Defaults to that of the terminal, or ``WIDTH``.
    """
    from rich.console import Console

    console = Console(
        file=stream, markup=False, highlight=False, force_jupyter=False, width=width
    )
    if not stream.isatty() and width is None:
        console.width = WIDTH
    return console


def _print(text: Any, stream: TextIO) -> None:
    if isinstance(text, str):
        stream.write(f'{text}\n')
    else:
        _draw(text, stream)
    stream.flush()


def _draw(text: Any, stream: TextIO) -> None:
    """Print something of rich; tables are plain Markdown where there is no terminal."""
    from rich.box import MARKDOWN, SIMPLE_HEAD
    from rich.table import Table

    console = rich_console(stream)
    if not isinstance(text, Table):
        console.print(text, soft_wrap=True)
        return
    width = min(console.width, WIDTH)
    if not console.is_terminal:
        console.width = 10_000  # a line that is too long is not broken
    for number, table in enumerate(fitting_tables(text, width)):
        table.box = SIMPLE_HEAD if console.is_terminal else MARKDOWN
        with console.capture() as drawn:
            console.print(table)
        lines = (line.rstrip() for line in drawn.get().splitlines())
        stream.write('\n' * bool(number) + ''.join(f'{x}\n' for x in lines if x))
