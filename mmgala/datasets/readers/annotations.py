"""Content of annotation files, and checks common to all formats."""

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from mmgala.datasets.readers.clutter import find_clutter, may_have_clutter
from mmgala.utils.duplicates import find_duplicate
from mmgala.utils.files import read_bytes

# Parts of the paths, one per line, that need a closer look.
_RARE = ('..', '\n/', '\n\\', ':', '\0', '\n\n')
# Both kinds of slashes, so that a list is valid on every system or on none.
_LEAVES_ROOT = re.compile(r'[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|\Z)', re.DOTALL)


@dataclass
class Annotations:
    """Paths and labels of the images in an annotation file.

    Attributes:
        paths: N paths, relative to the image root.
        labels: ``(N,)`` int64 labels.
        origin: function from the index of an image to where it is listed, such as
            ``file:line``.
        num_classes: number of classes, C.
        classes: C class names, or None if the file has no names.
    """

    paths: list[str]
    labels: np.ndarray
    origin: Callable[[int], str]
    num_classes: int
    classes: tuple[str, ...] | None = None

    def class_counts(self) -> list[int]:
        """Number of images of each class."""
        return np.bincount(self.labels, minlength=self.num_classes).tolist()


def read_text(path: str | PathLike[str]) -> str:
    """Read a UTF-8 file, with or without byte order mark and Windows line endings.

    Args:
        path: path of the file.

    Returns:
        The text without byte order mark, with Unix line endings.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if the file is a pipe or a device, too large or empty, is not UTF-8
            or contains a NUL character; the message names the line.
    """
    data = read_bytes(Path(path))
    if not data:
        raise ValueError(f'{path}: the file is empty.')
    nul = data.find(b'\0')
    if nul >= 0:
        line = data.count(b'\n', 0, nul) + 1
        raise ValueError(f'{path}:{line}: the line contains a NUL character.')
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise ValueError(
            f'{path}:{line}: the line is not UTF-8 ({error.reason}). Save the file as '
            'UTF-8.'
        ) from error
    return text.removeprefix('\ufeff').replace('\r\n', '\n')


def find_invalid_path(paths: Sequence[str]) -> tuple[int, str] | None:
    """Find the first path that cannot belong to an image below a root folder.

    A path is invalid if it is empty, contains a NUL character, is absolute, starts with
    a drive letter, has ``..`` as one of its parts, or is a hidden file such as
    ``.DS_Store`` and ``._0001.png``.

    Args:
        paths: paths relative to the root.

    Returns:
        Index of the path and the reason, or None if all paths are valid.
    """
    # Searching one long string for suspicious characters is ten times as fast as
    # matching each path.
    text = '\n'.join(['', *paths, ''])
    if not any(rare in text for rare in _RARE) and not may_have_clutter(text):
        return None
    for index, path in enumerate(paths):
        if not path:
            return index, 'the path is empty'
        if '\0' in path:
            return index, f'the path {path!r} contains a NUL character'
        if _LEAVES_ROOT.match(path):
            return index, (
                f'the path {printable(path)} is outside the image root; use relative '
                'paths without `..`'
            )
        if clutter := find_clutter(path):
            return index, (
                f'the path {printable(path)} is no image: {clutter} comes from the '
                'system or an editor; remove the line'
            )
    return None


def find_repeated_path(paths: Sequence[str]) -> tuple[int, int] | None:
    """Find the first path that leads to the same file as an earlier one.

    Args:
        paths: paths relative to the root; ``./a.jpg`` is ``a.jpg``.

    Returns:
        Indices of the two, or None if all paths are distinct.
    """
    duplicate = find_duplicate(paths)
    text = '\n'.join(['', *paths])
    if duplicate is None and any(part in text for part in ('\n./', '/./', '//')):
        return find_duplicate([posixpath.normpath(path) for path in paths])
    return duplicate


def listed_as(first: str, second: str) -> str:
    """Text `` as ./a.jpg`` if a path repeats an earlier one with another spelling."""
    return '' if first == second else f' as {printable(first)}'


def printable(path: str) -> str:
    """Return the path if it is printable on one line, else its ``repr``."""
    return path if path.isprintable() else repr(path)


def find_invalid_label(
    labels: np.ndarray, num_classes: int | None
) -> tuple[int, str] | None:
    """Find the first label that is out of range.

    Args:
        labels: ``(N,)`` int64 labels.
        num_classes: number of classes, or None if there is no upper limit.

    Returns:
        Index of the label and the reason, or None if all labels are valid.
    """
    invalid = labels < 0
    if num_classes is not None:
        invalid |= labels >= num_classes
    if not invalid.any():
        return None
    index = int(invalid.argmax())
    if labels[index] < 0:
        return index, f'the label {labels[index]} is negative'
    return index, (
        f'the label {labels[index]} is not below the number of classes, {num_classes}'
    )
