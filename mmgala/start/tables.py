"""What was found and what is planned, as rows of tables."""

from collections import Counter
from collections.abc import Sequence

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
    counts = [split.counts(part) for part in PARTS]
    sizes: dict[str, list[tuple[int, int]]] = {name: [] for name in total}
    for item in found.source.items:
        file = found.files[item.path]
        sizes[item.label].append((file.width, file.height))

    def row(title: str, names: Sequence[str]) -> list[str]:
        number = sum(total[name] for name in names)
        parts = [sum(count[name] for name in names) for count in counts]
        left = number - sum(parts)
        return [
            title,
            f'{number:,}',
            *(f'{part:,}' if part else '-' for part in parts),
            _middle([size for name in names for size in sizes[name]]),
            f'{left:,}' if left else '',
        ]

    names = sorted(total, key=lambda name: (-total[name], name))
    last = row(f'all {len(names)}', names)
    if len(names) <= MOST_ROWS:
        return [*(row(name, [name]) for name in names), last]
    middle = names[ENDS:-ENDS]
    return [
        *(row(name, [name]) for name in names[:ENDS]),
        row(f'{len(middle):,} more', middle),
        *(row(name, [name]) for name in names[-ENDS:]),
        last,
    ]


def _middle(sizes: Sequence[tuple[int, int]]) -> str:
    """Size with the median number of pixels."""
    if not sizes:
        return '-'
    ordered = sorted((width * height, width, height) for width, height in sizes)
    _, width, height = ordered[len(ordered) // 2]
    return f'{width} x {height}'


def size_line(found: Inspection) -> str:
    """The range of sizes in one line."""
    least, middle, most = found.size_range()
    return f'Sizes of the images: {least} to {most} pixels, {middle} in the middle.'
