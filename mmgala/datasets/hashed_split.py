"""Stratified split by hashes of file names, identical on every machine."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np


def held_out_counts(count: int, percent: Mapping[str, int]) -> dict[str, int]:
    """Number of images of one class in each held-out split.

    The percentage is rounded to the nearest integer (halves up), with a minimum of one.

    Args:
        count: number of images of the class.
        percent: percentage of each held-out split.

    Examples:
        >>> held_out_counts(9, {'val': 15, 'test': 25})
        {'val': 1, 'test': 2}
    """
    # Integer arithmetic: a rounded float could differ between machines.
    return {part: max(1, (count * p + 50) // 100) for part, p in percent.items()}


def hashed_split(
    names: Sequence[str], labels: np.ndarray, percent: Mapping[str, int]
) -> np.ndarray:
    """Split each class by the SHA-256 hashes of its images' names.

    The images of a class are sorted by hash and fill the held-out splits one after the
    other; the rest is for training. The order of ``names`` does not matter.

    Args:
        names: N unique names, such as ``class/file.jpg``.
        labels: ``(N,)`` integer labels.
        percent: percentage of each held-out split, in the order of filling.

    Returns:
        ``(N,)`` split of each image: ``'train'`` or a key of ``percent``.

    Raises:
        ValueError: if names repeat, or a class has fewer images than there are splits.
    """
    if len(set(names)) < len(names):
        raise ValueError('Expected unique image names, but some names repeat.')
    parts = np.full(len(names), 'train', dtype=object)
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    order = np.lexsort((np.array(hashes, dtype='U64'), labels))
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        counts = held_out_counts(len(members), percent)
        if sum(counts.values()) >= len(members) > 0:
            raise ValueError(
                f'Expected at least {len(percent) + 1} images per class, one for each '
                f'of train, {", ".join(percent)}, but class {labels[members[0]]} has '
                f'{len(members)}.'
            )
        start = 0
        for part, count in counts.items():
            parts[members[start : start + count]] = part
            start += count
    return parts
