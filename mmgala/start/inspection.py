"""Look into every image file: sizes, broken files and copies."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmgala.datasets.image_files import ImageFile, read_image_file
from mmgala.datasets.readers.annotations import printable
from mmgala.start.source import Item, Source

THREADS = min(16, 2 * (os.cpu_count() or 1))  # Pillow decodes without Python's lock
AHEAD = 256  # files that are given to the threads at a time
SHOWN = 3  # problems that get a line of their own


@dataclass(frozen=True)
class Inspection:
    """What the files of a source hold.

    Attributes:
        source: the images that can be used, and all remarks.
        files: what was found in each image, by its path.
        broken: what is wrong with each file that cannot be used, by its path.
    """

    source: Source
    files: Mapping[str, ImageFile]
    broken: Mapping[str, str]

    def median_side(self) -> int:
        """Median of the shorter side of the images, in pixels."""
        sides = [min(file.width, file.height) for file in self._used()]
        return int(np.median(sides))

    def size_range(self) -> tuple[str, str, str]:
        """Sizes of the image with the fewest pixels, in the middle, with the most."""
        sizes = sorted(
            ((file.width, file.height) for file in self._used()),
            key=lambda size: size[0] * size[1],
        )
        chosen = (sizes[0], sizes[len(sizes) // 2], sizes[-1])
        first, middle, last = (f'{width} x {height}' for width, height in chosen)
        return first, middle, last

    def _used(self) -> Iterator[ImageFile]:
        return (self.files[item.path] for item in self.source.items)


def inspect(source: Source, advance: Callable[[], object] = lambda: None) -> Inspection:
    """Decode every image, and leave out those that cannot be used.

    Args:
        source: where the images are.
        advance: called after each image.

    Raises:
        ValueError: if fewer than two classes have images that can be decoded.
    """
    items = source.items
    files: dict[str, ImageFile] = {}
    broken: dict[str, str] = {}
    found = _read([source.root / item.path for item in items], advance)
    for item, file in zip(items, found, strict=True):
        problem = file.problem or _unwritable(item.path)
        if problem:
            broken[item.path] = problem
        else:
            files[item.path] = file
    good = [item for item in items if item.path in files]
    remarks = [*source.remarks, *_about_broken(broken), *_about_kinds(good, files)]
    if len({item.label for item in good}) < 2:
        first = next(iter(broken.items()), ('', ''))
        raise ValueError(
            f'{source.data}: fewer than two classes have images that can be read; '
            f'{len(broken)} files cannot, first {printable(first[0])} ({first[1]}).'
        )
    kept, copies = without_copies(good, files)
    used = replace(source, items=kept, remarks=[*remarks, *copies])
    return Inspection(used, files, broken)


def _read(paths: Sequence[Path], advance: Callable[[], object]) -> Iterator[ImageFile]:
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(paths), AHEAD):
            for file in pool.map(read_image_file, paths[start : start + AHEAD]):
                advance()
                yield file


def _unwritable(path: str) -> str:
    """Why a path cannot be written to a list of images; empty if it can."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return 'its name is not valid UTF-8: rename it'
    return 'its name contains a line break: rename it' if '\n' in path else ''


def _about_broken(broken: Mapping[str, str]) -> list[str]:
    lines = [
        f'Left out: {printable(path)} cannot be read ({reason}).'
        for path, reason in list(broken.items())[:SHOWN]
    ]
    if len(broken) > SHOWN:
        lines.append(
            f'Left out: {len(broken) - SHOWN} more files that cannot be read; '
            'images.csv names them all.'
        )
    return lines


def _about_kinds(items: Sequence[Item], files: Mapping[str, ImageFile]) -> list[str]:
    kinds = Counter(files[item.path].kind for item in items)
    lines = []
    if kinds['alpha']:
        lines.append(
            f'{kinds["alpha"]} images are transparent in part: this is ignored.'
        )
    if kinds['deep']:
        lines.append(
            f'{kinds["deep"]} images have more than 8 bits per channel: only the '
            'highest 8 are used. If they look too dark, rescale them first.'
        )
    return lines


def without_copies(
    items: Sequence[Item], files: Mapping[str, ImageFile]
) -> tuple[list[Item], list[str]]:
    """Leave out copies of other images, which would be both learnt and tested.

    Of copies in one class, the first is kept. Of copies in different classes at most
    one can be right, so none is kept. The user's own parts stay as they are.

    Returns:
        The images to use, and remarks.
    """
    groups = defaultdict(list)
    for item in items:
        groups[files[item.path].digest].append(item)
    contrary, copies, across = [], [], []
    for group in groups.values():
        if len({item.label for item in group}) > 1:
            contrary.append(group)
        elif len({item.part for item in group}) > 1:
            across.append(group)
        elif len(group) > 1:
            copies.append(group)
    owned = any(item.part for item in items)
    lines = []
    if contrary:
        lines.append(
            f'{_fate(owned)}{_number(contrary)} files hold an image of another class, '
            f'first {_pair(contrary)}: delete the wrong one.'
        )
    if across:
        lines.append(
            f'{_fate(owned)}{len(across)} images are in several parts, first '
            f'{_pair(across)}: what is learnt by heart counts as right.'
        )
    if copies:
        number = _number(copies) - len(copies)
        lines.append(
            f'{_fate(owned)}{number} files are copies of another of their class, first '
            f'{_pair(copies)}.'
        )
    if owned:
        return list(items), lines
    left = {item.path for group in contrary for item in group}
    left |= {item.path for group in copies for item in group[1:]}
    return [item for item in items if item.path not in left], lines


def _fate(owned: bool) -> str:
    return 'Kept, as the parts are yours: ' if owned else 'Left out: '


def _number(groups: Sequence[Sequence[Item]]) -> int:
    return sum(map(len, groups))


def _pair(groups: Sequence[Sequence[Item]]) -> str:
    first, *others = groups[0]
    other = next((o for o in others if o.label != first.label), others[0])
    return f'{printable(other.path)}, the same as {printable(first.path)}'
