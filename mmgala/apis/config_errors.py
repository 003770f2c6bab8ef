"""Errors in config files: which file, which line, and what is wrong."""

import contextlib
import traceback
from collections.abc import Iterator
from types import FrameType

from mmgala.utils.package_configs import VARIABLE
from mmgala.utils.safe_loading import RefusedContentError

# Functions of MMEngine that read one config file; each has its path as `filename`.
READERS = ('_file2dict', '_parse_lazy_import', '_is_lazy_import')


@contextlib.contextmanager
def explained_config_errors(path: str) -> Iterator[None]:
    """Name the config file, and the line in it, if it cannot be read.

    Args:
        path: the config that is read, which may have others as ``_base_``.

    Raises:
        ValueError: instead of any exception, also of those that the config raises.
    """
    try:
        yield
    except (KeyboardInterrupt, RefusedContentError):
        raise
    except BaseException as error:  # a config is a program, which may even exit
        file = _read_last(error) or path
        through = '' if file.endswith(path) else f' (read for {path})'
        raise ValueError(f'Config {file}{through} {_reason(error, file)}') from error


def _reason(error: BaseException, file: str) -> str:
    text = ' '.join(str(error).split())
    if isinstance(error, SyntaxError):
        where = f', line {error.lineno}' if error.lineno else ''
        return f'is not valid Python{where}: {error.msg}. Correct it there.'
    if isinstance(error, RecursionError):
        return (
            'cannot be read: its _base_ leads back to itself, or its values are nested '
            'too deeply. Correct _base_.'
        )
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file
    ]
    kind = type(error).__name__
    if lines and isinstance(error, SystemExit):
        return f'ends the program in line {lines[-1]}, by sys.exit or exit. Remove it.'
    if lines:
        reason = f'{kind}: {text}' if text else kind
        return f'raises an error in line {lines[-1]}: {reason}'
    if isinstance(error, AssertionError) and 'load mmgala config' in text:
        return (
            'inherits a config of mmgala in a form that MMEngine offers to its own '
            f"packages only. Write _base_ = '{{{{${VARIABLE}:}}}}/FOLDER/NAME.py'."
        )
    if isinstance(error, UnicodeDecodeError):
        return f'is not a text file in UTF-8 ({text}). Save it in this encoding.'
    if isinstance(error, AttributeError) and not file.endswith('.py'):
        return (
            'must be a mapping of sections, such as {"model": {...}}, but is a list or '
            'a single value.'
        )
    return f'cannot be read: {text or kind}. Correct its _base_ or its values.'


def _read_last(error: BaseException) -> str | None:
    """Path of the config file that was being read: the innermost one."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    paths = [p for p in map(_path_of, frames) if p is not None]
    return paths[-1] if paths else None


def _path_of(frame: FrameType) -> str | None:
    if frame.f_code.co_name not in READERS:
        return None
    path = frame.f_locals.get('filename')
    return path if isinstance(path, str) else None
