"""A stratified split that is the same on every machine, without a random generator."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np


def held_out_counts(count: int, percent: Mapping[str, int]) -> dict[str, int]:
    """Images of one class that go to each held-out part.

    The nearest whole number to the share (half is rounded up), but at least one.

    Args:
        count: images of the class.
        percent: of the held-out parts.

    Examples:
        >>> held_out_counts(9, {'val': 15, 'test': 25})
        {'val': 1, 'test': 2}
    """
    # Whole numbers: a rounded float could differ between machines.
    return {part: max(1, (count * p + 50) // 100) for part, p in percent.items()}


def hashed_split(
    names: Sequence[str], labels: np.ndarray, percent: Mapping[str, int]
) -> np.ndarray:
    """Split images class by class, by the SHA-256 of their names.

    In each class, the images in the order of their hashes go to the held-out parts, one
    part after the other, and then to training. The order of ``names`` has no effect.

    Args:
        names: N unique names, such as ``class/file.jpg``.
        labels: ``(N,)`` integers.
        percent: of each held-out part, in the order in which they are filled.

    Returns:
        ``(N,)``: the part of each image, ``'train'`` or a key of ``percent``.

    Raises:
        ValueError: if names repeat, or a class has too few images for all parts.
    """
    if len(set(names)) < len(names):
        raise ValueError('Expected unique names of images, but some repeat.')
    parts = np.full(len(names), 'train', dtype=object)
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    order = np.lexsort((np.array(hashes, dtype='U64'), labels))
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        counts = held_out_counts(len(members), percent)
        if sum(counts.values()) >= len(members) > 0:
            raise ValueError(
                f'Class {labels[members[0]]} has {len(members)} images, too few for '
                f'training, {" and ".join(percent)}: expected at least '
                f'{len(percent) + 1}.'
            )
        start = 0
        for part, count in counts.items():
            parts[members[start : start + count]] = part
            start += count
    return parts
