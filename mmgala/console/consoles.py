"""Consoles of rich that functions of the library get from their caller.

A command hands over its own one, on which results go to stdout, and bars are those of
the command.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from mmgala.console.counted import counted
from mmgala.console.output import result, say, warn
from mmgala.console.session import current_session

Item = TypeVar('Item')


class CommandConsole(Console):
    """What a library function prints on it is shown as the command's own messages."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print a message."""
        for each in objects:
            say(each)


def command_console() -> CommandConsole:
    """The console of a command, to hand over to a function of the library."""
    return CommandConsole()


def result_on(console: Console, text: Any) -> None:
    """Print a result on a console: in a command, to stdout."""
    if isinstance(console, CommandConsole):
        result(text)
    else:
        console.print(text, markup=False, highlight=False)


def warn_on(console: Console, text: str) -> None:
    """Print a warning on a console."""
    if isinstance(console, CommandConsole):
        warn(text)
    else:
        console.print(text, markup=False, highlight=False)


def tracked(
    items: Iterable[Item], what: str, total: int, console: Console
) -> Iterator[Item]:
    """Yield items, and show how many are done.

    Args:
        items: what to yield.
        what: description of the work.
        total: number of items.
        console: of a command, or one of rich; on the latter, there is a bar if it is a
            terminal.
    """
    if not isinstance(console, CommandConsole) or current_session() is None:
        hidden = not console.is_terminal
        yield from track(items, what, total=total, console=console, disable=hidden)
        return
    with counted(what, total) as done:
        for item in items:
            yield item
            done()
