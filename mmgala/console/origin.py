"""Whose code prints, logs or warns: a library's, or this project's or its user's."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from types import FrameType

PACKAGE = 'mmgala'
# They print even where they are installed from a folder outside site-packages.
OPENMMLAB = ('mmengine', 'mmcv', 'mmpretrain', 'mmdet')
_PATHS = sysconfig.get_paths()
_STANDARD = tuple(_PATHS[name] + os.sep for name in ('stdlib', 'platstdlib'))
_INSTALLED = tuple(_PATHS[name] + os.sep for name in ('purelib', 'platlib'))
_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep


def from_library() -> bool:
    """Whether the code that calls this is a library's.

    The innermost function decides that belongs neither to Python nor to the machinery
    of logging. The code of a user, such as a module that a config imports, is no
    library. Nor is the interpreter itself, when it prints a traceback.
    """
    return next(
        (
            _is_library(frame)
            for frame in _frames()
            if not (_is_machinery(frame) or _is_standard(frame))
        ),
        False,
    )


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _module(frame: FrameType) -> str:
    return frame.f_globals.get('__name__') or ''


def _is_machinery(frame: FrameType) -> bool:
    if frame.f_code.co_filename.startswith(_OWN):
        return True
    name = _module(frame)
    # Of rich, it matters who prints with it.
    packages = ('mmengine.logging', 'rich', 'mmgala.modules.runner')
    return any(name == p or name.startswith(f'{p}.') for p in packages)


def _is_standard(frame: FrameType) -> bool:
    path = frame.f_code.co_filename
    if path.startswith('<frozen '):
        return True
    return path.startswith(_STANDARD) and not path.startswith(_INSTALLED)


def _is_library(frame: FrameType) -> bool:
    package = _module(frame).partition('.')[0]
    if package == PACKAGE:
        return False
    return package in OPENMMLAB or frame.f_code.co_filename.startswith(_INSTALLED)
