"""What annotation files of every form tell, and what they are checked for."""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

# Either slash, so that a list means the same on every system.
_LEAVES_ROOT = re.compile(r'[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|\Z)', re.DOTALL)


@dataclass
class Annotations:
    """What a file says about N images of C classes.

    Attributes:
        paths: N paths, relative to the image root.
        labels: ``(N,)`` int64.
        origin: from the index of an image to where it is listed, ``file:line``.
        num_classes: C.
        classes: C names, or None if the file tells none.
    """

    paths: list[str]
    labels: np.ndarray
    origin: Callable[[int], str]
    num_classes: int
    classes: tuple[str, ...] | None = None

    def class_counts(self) -> list[int]:
        """Images of each class."""
        return np.bincount(self.labels, minlength=self.num_classes).tolist()


def read_text(path: str | PathLike[str]) -> str:
    """Text of a UTF-8 file, with Unix line ends and without a byte order mark.

    Args:
        path: of the file. Windows line ends are as good as others.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is empty, is not UTF-8 or holds a NUL character, with
            the number of the line.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such file.')
    data = Path(path).read_bytes()
    if not data:
        raise ValueError(f'{path}: the file is empty.')
    nul = data.find(b'\0')
    if nul >= 0:
        line = data.count(b'\n', 0, nul) + 1
        raise ValueError(f'{path}:{line}: the line holds a NUL character.')
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise ValueError(
            f'{path}:{line}: the line is not UTF-8 ({error.reason}). Save the file as '
            'UTF-8.'
        ) from error
    return text.removeprefix('\ufeff').replace('\r\n', '\n')


def find_bad_path(paths: Sequence[str]) -> tuple[int, str] | None:
    """First path that cannot name an image below a root.

    That is one that is empty or holds a NUL character, is absolute or starts with a
    drive letter, or has a ``..`` between slashes or backslashes.

    Args:
        paths: relative to the root.

    Returns:
        Its index and what is wrong with it, or None.
    """
    # Looking for what is rare in one long string takes a tenth of the time of looking
    # at each path.
    text = '\n'.join(['', *paths, ''])
    if not any(rare in text for rare in ('..', '\n/', '\n\\', ':', '\0', '\n\n')):
        return None
    for index, path in enumerate(paths):
        if not path:
            return index, 'the path is empty'
        if '\0' in path:
            return index, f'the path {path!r} holds a NUL character'
        if _LEAVES_ROOT.match(path):
            return index, (
                f'the path {shown(path)} leaves the image root; give paths '
                'relative to it, without `..`'
            )
    return None


def shown(path: str) -> str:
    """The path as a message shows it: on one line, whatever it holds."""
    return path if path.isprintable() else repr(path)


def find_duplicate(items: Sequence[Hashable]) -> tuple[int, int] | None:
    """First item that is there twice.

    Args:
        items: paths, or whatever must be unique.

    Returns:
        Index of its first and of its second occurrence, or None.
    """
    if len(set(items)) == len(items):
        return None
    first: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        if first.setdefault(item, index) != index:
            return first[item], index
    return None


def find_bad_label(
    labels: np.ndarray, num_classes: int | None
) -> tuple[int, str] | None:
    """First label out of range.

    Args:
        labels: ``(N,)`` int64.
        num_classes: C, or None if any label from 0 up is right.

    Returns:
        Its index and what is wrong with it, or None.
    """
    bad = labels < 0
    if num_classes is not None:
        bad |= labels >= num_classes
    if not bad.any():
        return None
    index = int(bad.argmax())
    if labels[index] < 0:
        return index, f'the label {labels[index]} is negative'
    return index, (
        f'the label {labels[index]} is not below the number of classes, {num_classes}'
    )
