"""Class names: their order, comparison and display."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

_INTEGER = re.compile(r'-?[0-9]+')
_MAX_SHOWN = 5


def sort_class_names(names: Iterable[str]) -> list[str]:
    """Sort names as numbers if all of them are integers, otherwise as text.

    Examples:
        >>> sort_class_names(['10', '2', '1'])
        ['1', '2', '10']
        >>> sort_class_names(['10', '2', 'b'])
        ['10', '2', 'b']
    """
    names = list(names)
    if all(map(_INTEGER.fullmatch, names)):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def number_out_of_place(names: Iterable[str]) -> tuple[int, str] | None:
    """The first class whose place is not that of its number, if all names are integers.

    MMPretrain sorts folders as text. Then a list in numeric order means other classes.

    Returns:
        Label and name; ``None`` if the names are in numeric order, or not numbers.

    Examples:
        >>> number_out_of_place(['0', '1', '10', '2'])
        (2, '10')
    """
    names = list(names)
    if not all(map(_INTEGER.fullmatch, names)):
        return None
    pairs = enumerate(zip(names, sort_class_names(names), strict=True))
    return next(
        ((label, name) for label, (name, other) in pairs if name != other), None
    )


def comparable_name(name: object) -> str:
    """Form of a class name for comparisons: text in Unicode's composed form (NFC).

    Names of folders are decomposed on some systems: an accent is a character.
    """
    return unicodedata.normalize('NFC', str(name)).strip()


def is_numbering(names: Sequence[str]) -> bool:
    """Whether names are only the positions 0, 1, 2, ..., as of unnamed classes."""
    return list(names) == [str(index) for index in range(len(names))]


def list_names(names: Collection[str]) -> str:
    """Text with the first names, and the number of further ones.

    Examples:
        >>> list_names(['a', 'b'])
        'a, b'
        >>> list_names('abcdefgh')
        'a, b, c, d, e and 3 more'
    """
    shown = list(names)[:_MAX_SHOWN]
    more = len(names) - len(shown)
    # Names such as ' ' or 'a, b' would be misread without quotation marks.
    plain = [n if n.isprintable() and n == n.strip() and n else repr(n) for n in shown]
    return ', '.join(plain) + (f' and {more} more' if more else '')


def check_same_names(
    first: Sequence[str] | None, other: Sequence[str] | None, sources: tuple[str, str]
) -> None:
    """Check that scores of two files have the same classes in the same order.

    Args:
        first: class names of one file; None if they are unknown.
        other: those of the other.
        sources: what to call the files in the message.

    Raises:
        ValueError: if both are known and differ.
    """
    if first is None or other is None or list(first) == list(other):
        return
    if len(first) != len(other):
        where = f'{len(first)} and {len(other)} classes'
    else:
        index = next(
            i for i, (a, b) in enumerate(zip(first, other, strict=True)) if a != b
        )
        where = f'class {index} is {first[index]!r} and {other[index]!r}'
    raise ValueError(
        f'{sources[0]} and {sources[1]} have different classes ({where}), so their '
        'scores cannot be combined: write both again with one checkpoint, whose class '
        'names they then have.'
    )
