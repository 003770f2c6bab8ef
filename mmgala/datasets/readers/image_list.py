"""Lists of images, ``path label`` a line, and what is missing of them on disk."""

import os
from collections.abc import Sequence
from os import PathLike

import numpy as np

from mmgala.datasets.readers.annotations import (
    find_bad_label,
    find_bad_path,
    find_duplicate,
    read_text,
    shown,
)


def read_image_list(
    path: str | PathLike[str], num_classes: int | None = None
) -> tuple[list[str], np.ndarray]:
    """Read a list of images, one a line: path, one space, label.

    The label follows the last space, so paths may contain spaces. Windows line ends
    and a byte order mark are accepted; a lone carriage return is part of the line.

    Args:
        path: of the list, UTF-8.
        num_classes: C, or None if any label from 0 up is right.

    Returns:
        N paths and labels ``(N,)`` int64; ``np.bincount`` counts the classes.

    Raises:
        FileNotFoundError: if there is no such list.
        ValueError: on an empty list or a bad line, as ``file:line: reason``: an empty
            line, a label that is no integer, negative or not below ``num_classes``, a
            path that is listed twice, is absolute or contains ``..``, a NUL character,
            bytes that are not UTF-8.
    """
    lines = read_text(path).removesuffix('\n').split('\n')
    parts = [line.rpartition(' ') for line in lines]
    paths = [part[0] for part in parts]
    labels = _integers([part[2] for part in parts])
    if labels is None:
        index = next(i for i, part in enumerate(parts) if _integers([part[2]]) is None)
        raise ValueError(f'{path}:{index + 1}: {_without_label(lines[index])}')
    problem = find_bad_label(labels, num_classes) or find_bad_path(paths)
    if problem is not None:
        raise ValueError(f'{path}:{problem[0] + 1}: {problem[1]}.')
    duplicate = find_duplicate(paths)
    if duplicate is not None:
        first, second = duplicate
        raise ValueError(
            f'{path}:{second + 1}: {shown(paths[second])} is listed in line '
            f'{first + 1} already.'
        )
    return paths, labels


def _integers(texts: list[str]) -> np.ndarray | None:
    """The integers, ``(N,)`` int64, or None if a text is none."""
    digits = ''.join(texts).replace('-', '')
    # int() would also take '1_000', ' 1' and digits of other scripts.
    if not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return np.array([int(text) for text in texts], dtype=np.int64)
    except (ValueError, OverflowError):
        return None


def _without_label(line: str) -> str:
    if not line.strip():
        return 'the line is empty.'
    return (
        f'expected `path label` with an integer label after the last space, but got '
        f'{line!r}.'
    )


def missing_images(root: str | PathLike[str], paths: Sequence[str]) -> list[int]:
    """Which images have no file, without asking for each of them.

    Every folder is listed once: seconds for half a million images, where a request
    for each takes minutes on a network drive. A link counts as a file.

    Args:
        root: folder that the paths are relative to.
        paths: N paths with ``/`` between folders.

    Returns:
        Indices of the missing, ascending.

    Raises:
        FileNotFoundError: if there is no such folder ``root``.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(
            f'{root}: no such folder of images. Check `data_root` and `data_prefix`.'
        )
    files: dict[str, set[str]] = {}
    missing = []
    for index, path in enumerate(paths):
        folder, _, name = path.rpartition('/')
        if folder not in files:
            files[folder] = _files(os.path.join(root, folder))
        if name not in files[folder]:
            missing.append(index)
    return missing


def _files(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            # Links are not followed: that would be a request for each.
            return {
                entry.name
                for entry in entries
                if not entry.is_dir(follow_symlinks=False)
            }
    except (FileNotFoundError, NotADirectoryError):
        return set()
