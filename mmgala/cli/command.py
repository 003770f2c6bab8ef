"""Entry point that all command-line tools share."""

from mmgala.cli import interrupts  # first, as it also holds during other imports

# isort: split
import contextlib
import functools
import sys
from collections.abc import Callable, Iterator

from mmgala.cli.errors import one_line_errors
from mmgala.console.mmengine_log import use_session
from mmgala.console.session import command_session, current_session
from mmgala.utils.safe_loading import (
    close_new_readers,
    enter_plain_data,
    only_plain_data,
)

SPAWNED = '__mp_main__'  # as what a process of multiprocessing imports the program

if interrupts.is_tool(getattr(sys.modules.get(SPAWNED), '__file__', None)):
    enter_plain_data()


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Decorate the main function of a tool with what every tool needs.

    An error of the user's input ends the tool with a message of one line and status 1,
    Ctrl-C with a message of one line and status 130, SIGTERM with 143. Files that could
    run code are refused, also by processes that the tool starts. What libraries print
    goes to the log file; see :mod:`mmgala.console`.
    """
    if main.__module__ == SPAWNED:  # a program that is not one of this project's
        enter_plain_data()

    @functools.wraps(main)
    def run() -> None:
        try:
            with (
                interrupts.interruptible(),
                one_line_errors(),
                only_plain_data(),
                command_session(),
            ):
                main()
        except BaseException as error:
            # After a signal, any other error is a consequence of it.
            interrupted = interrupts.was_interrupted()
            if not interrupted and not isinstance(error, KeyboardInterrupt):
                raise
            interrupts.say_interrupted()
            if interrupted:
                interrupts.end_now()  # to end in the ordinary way may take long
            sys.exit(interrupts.exit_status())

    return run


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import what takes seconds, such as PyTorch, within a command.

    A signal ends the process at once, and what was imported reads only plain data.
    What it prints is no result.
    """
    session = current_session()
    quiet = contextlib.nullcontext() if session is None else session.capturing()
    with interrupts.end_at_once(), quiet:
        yield
    close_new_readers()
    use_session()
