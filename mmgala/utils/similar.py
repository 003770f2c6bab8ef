"""Suggestions for names that do not exist."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

CUTOFF = 0.6


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the most similar name, after a space; empty if there is none.

    Examples:
        >>> did_you_mean('trian', ['train', 'test'])
        ' Did you mean train?'
    """
    near = get_close_matches(name, list(known), n=1, cutoff=CUTOFF)
    return f' Did you mean {near[0]}?' if near else ''


def similar_path(path: str | os.PathLike[str]) -> str:
    """A sentence about a path that does not exist, after a space.

    It names the most similar one in the same folder, or says that there is no folder.
    It is empty if no name is similar.
    """
    path = Path(path)
    try:
        names = os.listdir(path.parent)
    except OSError:
        return f' There is no folder {path.parent} either.'
    near = get_close_matches(path.name, names, n=1, cutoff=CUTOFF)
    return f' Did you mean {path.parent / near[0]}?' if near else ''
