"""Entry point that all command-line tools share."""

import functools
import sys
from collections.abc import Callable

from mmgala.cli.errors import one_line_errors
from mmgala.utils.safe_loading import enter_plain_data, only_plain_data

INTERRUPTED = 130  # status of a program that Ctrl-C ended, as in shells


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Decorate the main function of a tool with what every tool needs.

    An error of the user's input ends the tool with a message of one line and status 1,
    and Ctrl-C ends it with a message of one line and status 130. Files that could run
    code are refused, also by processes that the tool starts.
    """
    if main.__module__ == '__mp_main__':  # multiprocessing imports the tool in a child
        enter_plain_data()

    @functools.wraps(main)
    def run() -> None:
        try:
            with one_line_errors(), only_plain_data():
                main()
        except KeyboardInterrupt:
            print(
                'error: interrupted; run the same command again to continue.',
                file=sys.stderr,
            )
            sys.exit(INTERRUPTED)

    return run
