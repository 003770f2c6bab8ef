"""Which classes gained and lost most."""

from collections.abc import Sequence

import numpy as np

from mmgala.analysis.answer.compared import Compared, Line
from mmgala.analysis.answer.words import class_name, counted, listed, signed
from mmgala.analysis.differences import ClassChange
from mmgala.analysis.rows import Row

MOST_CLASSES = 3


def classes_line(about: Compared) -> Line:
    """Classes that changed most; the lowest ones if there is nothing to compare."""
    if about.contrast is None:
        return Line('classes', _lowest(about, about.base))
    changes = about.differences.of_classes(*about.contrast, about.groups)
    return Line('classes', _changed(about, changes))


def _lowest(about: Compared, row: Row) -> str:
    labels, sizes = np.unique(about.targets, return_counts=True)
    means = [100 * row.correct[:, about.targets == c].mean() for c in labels]
    order = np.argsort(means, kind='stable')[:MOST_CLASSES]
    parts = [
        f'{class_name(about.name_of(labels[i]))} {means[i]:.1f} % of '
        f'{counted(int(sizes[i]), "test image")}'
        for i in order
    ]
    verb = 'has' if len(parts) == 1 else 'have'
    return f'{listed(parts)} {verb} the lowest accuracy.'


def _changed(about: Compared, changes: Sequence[ClassChange]) -> str:
    assert about.contrast is not None  # there are changes
    first, other = about.contrast
    start = f'From {first.name} to {other.name}, '
    found = {
        'gain': [c for c in changes if c.beyond_chance and c.gain > 0],
        'lose': [c for c in changes if c.beyond_chance and c.gain < 0],
    }
    parts = []
    for verb, of_kind in found.items():
        if of_kind:
            most = sorted(of_kind, key=lambda c: -abs(c.gain))[:MOST_CLASSES]
            names = listed([_change(about, c) for c in most])
            only = (
                f', most of all {names}' if len(of_kind) > len(most) else f': {names}'
            )
            number = counted(len(of_kind), 'class', 'classes')
            one = verb if len(of_kind) > 1 else f'{verb}s'
            parts.append(f'{number} {one} beyond chance{only}')
    rest = len(changes) - sum(map(len, found.values()))
    if not parts:
        return f'{start}{_within_chance(about, changes)}'
    text = f'{start}{"; ".join(parts)}.'
    if rest:
        text += f' {_the_other(rest)} within chance.'
    return text


def _the_other(rest: int) -> str:
    return 'The other class is' if rest == 1 else f'The other {rest:,} classes are'


def _change(about: Compared, change: ClassChange) -> str:
    images = counted(change.images, 'test image')
    name = class_name(about.name_of(change.index))
    return f'{name} ({signed(change.gain)} points on {images})'


def _within_chance(about: Compared, changes: Sequence[ClassChange]) -> str:
    up = max(changes, key=lambda c: c.gain)
    down = min(changes, key=lambda c: c.gain)
    ends = [c for c, sign in ((up, 1), (down, -1)) if sign * c.gain > 0]
    if not ends:
        return 'no class changes.'
    largest = 'change is' if len(ends) == 1 else 'changes are'
    names = listed([_change(about, c) for c in ends])
    return f'no class changes beyond chance. The largest {largest} {names}.'
