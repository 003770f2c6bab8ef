"""The log of MMEngine on the console of a command.

MMEngine writes every record to the log file and to stdout. In a command, the file stays
as it is. The console shows what this project and its user's own code log, and errors;
with ``--verbose``, it shows all records on stderr, in MMEngine's format.
"""

import functools
import logging
import sys
from typing import Any

from mmgala.console.origin import from_library
from mmgala.console.output import say, warn
from mmgala.console.session import Session, current_session


class ConsoleHandler(logging.StreamHandler):
    """Shows records of one logger of MMEngine.

    Args:
        own: the handler that it replaces.
        has_file: whether another handler of the logger writes a file.
    """

    def __init__(self, own: logging.StreamHandler, has_file: bool) -> None:
        super().__init__(own.stream)
        self.setFormatter(own.formatter)
        self.setLevel(own.level)
        self.filters = list(own.filters)
        self._has_file = has_file

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, or leave it to the log file."""
        session = current_session()
        if session is None or session.verbose:
            self.setStream(sys.stdout if session is None else session.err)
            super().emit(record)
        elif record.levelno < logging.ERROR and from_library():
            self._hide(record, session)
        else:
            if not self._has_file:
                self._hide(record, session)
            _show(record, session)

    def _hide(self, record: logging.LogRecord, session: Session) -> None:
        if not self._has_file:
            session.hide(f'{self.format(record)}\n')


def _show(record: logging.LogRecord, session: Session) -> None:
    text = record.getMessage()
    if text in session.told:  # two data sets or stages may say the same
        return
    session.told.add(text)
    if record.levelno >= logging.WARNING:
        warn(text)
    else:
        say(text)


def use_session() -> None:
    """Let the loggers of MMEngine print through the session of a command.

    For those that MMEngine makes from now on, its class is changed, once in a process.
    Without a session, loggers print as ever.
    """
    module: Any = sys.modules.get('mmengine.logging')
    if module is None:
        return
    if current_session() is not None:
        for logger in module.MMLogger._instance_dict.values():
            _replace_handlers(logger)
    original = module.MMLogger.__init__
    if hasattr(original, '__wrapped__'):
        return

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if (session := current_session()) is not None:
            for handler in _replace_handlers(self)[:1]:
                if handler.stream is not None:
                    session.log_to(handler.baseFilename, handler.stream.fileno())

    module.MMLogger.__init__ = init


def _replace_handlers(logger: logging.Logger) -> list[logging.FileHandler]:
    """Replace the handlers of the console; return those of files."""
    files = [h for h in logger.handlers if isinstance(h, logging.FileHandler)]
    logger.handlers[:] = [
        ConsoleHandler(handler, bool(files))
        if type(handler) is logging.StreamHandler
        else handler
        for handler in logger.handlers
    ]
    return files
