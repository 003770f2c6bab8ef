"""Errors of the command-line tools: one line, for whatever goes wrong.

There are two kinds. Checks refuse what the user has given, and their messages say what
to do: the line is ``error: <message>``. Everything else is unexpected, a fault of the
program or an input that no check knows: the line gives the type, the message and the
place, and asks for a report.

An error is the user's if a statement ``raise`` of a check has raised it as one of
``USER_ERRORS``, or if the operating system has (any ``OSError``, such as a full disk).
If Python raises the same types by itself, because an operation failed, as in
``len(3)``, nobody has checked anything, so the error is unexpected.
"""

import contextlib
import dis
import errno
import os
import pickle
import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from mmgala.cli.built_objects import built_from_config
from mmgala.cli.interrupts import was_interrupted
from mmgala.cli.known_errors import remedy
from mmgala.utils.ranks import speaks_for_all
from mmgala.utils.safe_loading import refusal
from mmgala.utils.text import visible

TRACEBACK = 'MMGALA_TRACEBACK'
MMENGINE = '/mmengine/'  # calls what a config names
USER_ERRORS = (ValueError, TypeError, ImportError, AssertionError)
REPORT = (
    'Please check the input; if it is as it should be, this is a bug: report it with '
    f'the traceback that {TRACEBACK}=1 shows.'
)
REMEDIES = {
    errno.EEXIST: 'A file is where a folder is needed: choose another path.',
    errno.ENOTDIR: 'A part of this path is a file: choose another path.',
    errno.EISDIR: 'A folder is where a file is needed: name the file in it.',
    errno.ENOENT: 'Check the path.',
    errno.EACCES: 'Change the permissions, or choose another path.',
    errno.EPERM: 'Change the permissions, or choose another path.',
    errno.EROFS: 'Choose a path on a disk that can be written to.',
    errno.ENAMETOOLONG: 'Choose a shorter name.',
}
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUR_CODE = tuple(
    os.path.join(folder, '')
    for folder in (PACKAGE, os.path.join(os.path.dirname(PACKAGE), 'tools'))
)


@dataclass(frozen=True)
class Place:
    """Where an error was raised.

    Attributes:
        path: of the innermost file.
        line: number of the line.
        own: ``file:line`` of the innermost line of this project, or else as above.
        checked: whether a statement ``raise`` or ``assert`` raised it.
    """

    path: str
    line: int
    own: str
    checked: bool


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Exit with a message of one line and status 1 if there is an error.

    Of several ranks, one prints the message; see
    :func:`mmgala.utils.ranks.speaks_for_all`. Set ``MMGALA_TRACEBACK=1`` in the
    environment to see the traceback.
    """
    try:
        yield
    except Exception as error:
        if os.environ.get(TRACEBACK) or was_interrupted():
            raise  # after a signal, an error is a consequence of it
        line = f'error: {visible(_described(error))}'
        sys.exit(line if speaks_for_all() else 1)


def _described(error: Exception) -> str:
    """Describe an error in one line, also if looking for its place fails."""
    try:
        return describe(error)
    except Exception:
        return f'unexpected {type(error).__name__}: {_one_line(str(error))}. {REPORT}'


def describe(error: Exception) -> str:
    """Describe an error in one line."""
    if isinstance(error, pickle.UnpicklingError):  # of PyTorch and NumPy
        return refusal(error)
    place = _worker_place(str(error)) or _place(error)
    text = _message(error)
    kind = type(error).__name__
    if _out_of_memory(error):
        return (
            f'Out of memory{f" ({_one_line(text)})" if text else ""}: use a smaller '
            'batch_size or fewer num_workers, or check that the sizes in the input '
            'files are right.'
        )
    if 'Original Traceback' in text:
        # Of a data loader worker: its traceback ends with the reason.
        kind, _, text = _raised_last(text).partition(': ')
    text = _one_line(text)
    if isinstance(error, OSError) and error.errno in REMEDIES and error.filename:
        return f'{error.filename}: {error.strerror}. {REMEDIES[error.errno]}'
    if (cure := remedy(text)) is not None:
        return f'{cure} ({kind}: {text})'
    built = built_from_config(error)
    if _is_users(error, place):
        return (text or kind) + (f' (In the config: {built.chain}.)' if built else '')
    reason = f'{kind}: {text}' if text else kind
    if built:
        return (
            f'{built.chain} in the config cannot be built: {reason} (in {place.own}). '
            f'Correct its arguments: {built.arguments}.'
        )
    return f'unexpected {reason} (in {place.own}). {REPORT}'


def _message(error: Exception) -> str:
    if isinstance(error, KeyError) and error.args:
        error = error.args[0]  # its text would be in quotation marks
    return str(error).strip()


def _is_users(error: Exception, place: Place) -> bool:
    if isinstance(error, OSError):
        return True
    if isinstance(error, KeyError):  # only MMEngine's registries write a sentence
        return place.checked and ' ' in str(error)
    if isinstance(error, AssertionError) and _is_ours(place.path):
        return False  # our assertions are about the impossible
    if isinstance(error, TypeError) and MMENGINE in place.path:
        return 'argument' in str(error)  # of a class in the config, which lacks it
    return isinstance(error, USER_ERRORS) and place.checked


def _out_of_memory(error: Exception) -> bool:
    # PyTorch's type, without importing it.
    return isinstance(error, MemoryError) or type(error).__name__ == 'OutOfMemoryError'


def _place(error: Exception) -> Place:
    frames = list(traceback.extract_tb(error.__traceback__))
    frames = frames[1:] or frames  # the first is this file's, which caught the error
    own = [frame for frame in frames if _is_ours(frame.filename)]
    shown = (own or frames)[-1]
    last = frames[-1]
    return Place(
        last.filename,
        last.lineno or 0,
        f'{_short(shown.filename)}:{shown.lineno}',
        _raised_by_statement(error.__traceback__),
    )


def _raised_by_statement(trace: TracebackType | None) -> bool:
    """Whether the innermost frame executes ``raise`` or ``assert``."""
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    operation = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return dis.opname[operation] == 'RAISE_VARARGS'


def _worker_place(text: str) -> Place | None:
    """Where an error of a data loader worker was raised, by its printed traceback."""
    if 'Original Traceback' not in text:
        return None
    found = re.findall(r'^ *File "(.+)", line (\d+), in .*\n *(\S+)?', text, re.M)
    if not found:
        return None
    own = [entry for entry in found if _is_ours(entry[0])]
    path, line, statement = found[-1]
    shown = (own or found)[-1]
    checked = statement in ('raise', 'assert')
    return Place(path, int(line), f'{_short(shown[0])}:{shown[1]}', checked)


def _raised_last(text: str) -> str:
    """The last error in a printed traceback, ``Type: message``, in one line."""
    lines = text.strip().splitlines()
    starts = [i for i, line in enumerate(lines) if re.match(r'[A-Za-z_][\w.]*: ', line)]
    return _one_line('\n'.join(lines[starts[-1] :] if starts else lines[-1:]))


def _is_ours(path: str) -> bool:
    return os.path.abspath(path).startswith(OUR_CODE)


def _short(path: str) -> str:
    if not _is_ours(path):
        return path
    return os.path.relpath(os.path.abspath(path), os.path.dirname(PACKAGE))


def _one_line(text: str) -> str:
    return ' '.join(text.split())
