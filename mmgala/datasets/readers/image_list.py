"""Reader of image lists with one ``path label`` per line, and search for images."""

import os
from collections.abc import Sequence
from os import PathLike

import numpy as np

from mmgala.datasets.readers.annotations import (
    find_invalid_label,
    find_invalid_path,
    find_repeated_path,
    listed_as,
    printable,
    read_text,
)


def read_image_list(
    path: str | PathLike[str], num_classes: int | None = None
) -> tuple[list[str], np.ndarray]:
    """Read a list with one image per line: path, one space, label.

    The label follows the last space, so paths may contain spaces. Windows line endings
    and a byte order mark are accepted; a lone carriage return is part of the line.

    Args:
        path: path of the list, in UTF-8.
        num_classes: number of classes, or None to accept any non-negative label.

    Returns:
        N paths, and ``(N,)`` int64 labels.

    Raises:
        FileNotFoundError: if the list does not exist.
        ValueError: with ``file:line: reason``, if a line is empty, has no integer label
            or one out of range, has a path that repeats, is absolute or contains
            ``..``, contains a NUL character or is not UTF-8.
    """
    lines = read_text(path).removesuffix('\n').split('\n')
    parts = [line.rpartition(' ') for line in lines]
    paths = [part[0] for part in parts]
    labels = _integers([part[2] for part in parts])
    if labels is None:
        index = next(i for i, part in enumerate(parts) if _integers([part[2]]) is None)
        raise ValueError(f'{path}:{index + 1}: {_unlabelled_reason(lines[index])}')
    problem = find_invalid_label(labels, num_classes) or find_invalid_path(paths)
    if problem is not None:
        raise ValueError(f'{path}:{problem[0] + 1}: {problem[1]}.')
    duplicate = find_repeated_path(paths)
    if duplicate is not None:
        first, second = duplicate
        raise ValueError(
            f'{path}:{second + 1}: {printable(paths[second])} is already listed on '
            f'line {first + 1}{listed_as(paths[first], paths[second])}.'
        )
    return paths, labels


def _integers(texts: list[str]) -> np.ndarray | None:
    """Parse ``(N,)`` int64 integers; None if a text is not an integer."""
    digits = ''.join(texts).replace('-', '')
    # int() would also accept '1_000', ' 1' and non-ASCII digits.
    if not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return np.array([int(text) for text in texts], dtype=np.int64)
    except (ValueError, OverflowError):
        return None


def _unlabelled_reason(line: str) -> str:
    if not line.strip():
        return 'the line is empty.'
    return (
        f'expected `path label` with an integer label after the last space, but got '
        f'{line!r}.'
    )


def missing_images(root: str | PathLike[str], paths: Sequence[str]) -> list[int]:
    """Find images whose files do not exist.

    Each folder is listed once, which takes seconds for half a million images, where
    checking each file takes minutes on a network drive. Links count as files.

    Args:
        root: folder that the paths are relative to.
        paths: N paths with forward slashes.

    Returns:
        Ascending indices of the missing images.

    Raises:
        FileNotFoundError: if the folder ``root`` does not exist.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(
            f'{root}: no such image folder. Check `data_root` and `data_prefix`.'
        )
    files: dict[str, set[str]] = {}
    missing = []
    for index, path in enumerate(paths):
        folder, _, name = path.rpartition('/')
        if folder not in files:
            files[folder] = _list_files(os.path.join(root, folder))
        if name not in files[folder]:
            missing.append(index)
    return missing


def _list_files(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            # Following links would cost one request per link.
            return {
                entry.name
                for entry in entries
                if not entry.is_dir(follow_symlinks=False)
            }
    except (FileNotFoundError, NotADirectoryError):
        return set()
