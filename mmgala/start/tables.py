"""What was found and what is planned, as rows of tables."""

from collections import Counter
from collections.abc import Mapping, Sequence

from mmgala.start.inspection import Inspection
from mmgala.start.source import Source
from mmgala.start.split import PARTS, Split

MOST_ROWS = 12  # classes that are all shown
ENDS = 4  # else: classes shown of the biggest, and of the smallest
HEADER = ('class', 'images', *PARTS, 'middle size', 'left out')


def class_rows(source: Source, found: Inspection, split: Split) -> list[list[str]]:
    """A row for each class, from many images to few, and the sum.

    Of more than 12 classes, the 4 biggest and the 4 smallest are shown.

    Args:
        source: all images, before the inspection.
        found: what the inspection found.
        split: the parts of the images that can be used.
    """
    total = Counter(item.label for item in source.items)
    names = sorted(total, key=lambda name: (-total[name], name))
    counts = {part: split.counts(part) for part in PARTS}
    rows = [_row(name, [name], total, counts, found) for name in names]
    if len(rows) > MOST_ROWS:
        middle = names[ENDS:-ENDS]
        between = _row(f'{len(middle)} more', middle, total, counts, found)
        rows = [*rows[:ENDS], between, *rows[-ENDS:]]
    return [*rows, _row(f'all {len(names)}', names, total, counts, found)]


def _row(
    title: str,
    names: Sequence[str],
    total: Counter,
    counts: Mapping[str, Counter],
    found: Inspection,
) -> list[str]:
    number = sum(total[name] for name in names)
    parts = [sum(count[name] for name in names) for count in counts.values()]
    left = number - sum(parts)
    return [
        title,
        f'{number:,}',
        *(f'{part:,}' if part else '-' for part in parts),
        _middle_size(names, found),
        f'{left:,}' if left else '',
    ]


def _middle_size(names: Sequence[str], found: Inspection) -> str:
    """Size of the image with the median number of pixels."""
    wanted = set(names)
    sizes = sorted(
        (file.width * file.height, file.width, file.height)
        for item in found.source.items
        if item.label in wanted
        for file in (found.files[item.path],)
    )
    if not sizes:
        return '-'
    _, width, height = sizes[len(sizes) // 2]
    return f'{width} x {height}'


def size_line(found: Inspection) -> str:
    """The range of sizes in one line."""
    least, middle, most = found.size_range()
    return f'Sizes of the images: {least} to {most} pixels, {middle} in the middle.'
