"""Items that should be unique."""

from collections.abc import Hashable, Sequence


def find_duplicate(items: Sequence[Hashable]) -> tuple[int, int] | None:
    """Find the first repeated item.

    Args:
        items: items that should be unique, such as paths.

    Returns:
        Indices of its first and second occurrence, or None if all are unique.
    """
    if len(set(items)) == len(items):
        return None
    first: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        if first.setdefault(item, index) != index:
            return first[item], index
    return None
