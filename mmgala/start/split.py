"""Three parts of the images: for training, validation and testing."""

import csv
import hashlib
import io
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mmgala.analysis.answer.words import counted
from mmgala.datasets.readers.annotations import printable
from mmgala.start.source import Item
from mmgala.utils.class_names import list_names, sort_class_names
from mmgala.utils.similar import did_you_mean

PARTS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Split:
    """Images with their parts.

    Attributes:
        items: all images, each with its part, in order of part, class and path.
        origin: where the parts come from, in words.
        remarks: a line for each thing that the user should know.
    """

    items: Sequence[Item]
    origin: str
    remarks: Sequence[str]

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of their labels."""
        return sort_class_names({item.label for item in self.items})

    def counts(self, part: str) -> Counter:
        """Number of images of each class in a part."""
        return Counter(item.label for item in self.items if item.part == part)

    def as_csv(self) -> str:
        """Text of a CSV file with the columns path, label and split."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(('path', 'label', 'split'))
        writer.writerows((item.path, item.label, item.part) for item in self.items)
        return text.getvalue()


def check_fractions(val: float, test: float) -> None:
    """Check the shares of the images for validation and testing.

    Raises:
        ValueError: if one is not above 0 and below 1, or too little is left to train.
    """
    for name, value in (('--val-fraction', val), ('--test-fraction', test)):
        if not 0 < value < 1:
            raise ValueError(
                f'{name} must be above 0 and below 1, such as 0.2, but is {value}.'
            )
    if val + test > 0.8:
        raise ValueError(
            f'--val-fraction {val} and --test-fraction {test} leave less than a fifth '
            'of the images to train on: choose smaller ones.'
        )


def split_images(items: Sequence[Item], val: float, test: float, seed: int) -> Split:
    """Give each image a part, class by class; parts that the user has made stay.

    A class gets at least one image in each part if it has as many as there are parts,
    mostly three. Smaller classes are only trained on. The order within a class follows
    from a hash of the seed and the path, so it is the same on every computer, and
    further images of other classes change nothing.

    Args:
        items: the images.
        val: share of the images of each class for validation.
        test: share for testing.
        seed: another seed makes another split.

    Raises:
        ValueError: if a class of the user's validation or test part has no training
            images, or no class has enough images to be split.
    """
    given = {item.part for item in items} - {''}
    by_class: dict[str, list[Item]] = defaultdict(list)
    done = [item for item in items if item.part in ('val', 'test')]
    for item in items:
        if item.part in ('', 'train'):
            by_class[item.label].append(item)
    _require_training(done, by_class)
    wanted = {
        part: fraction
        for part, fraction in (('val', val), ('test', test))
        if part not in given
    }
    for members in by_class.values():
        done += _divide(members, wanted, seed)
    _require_parts(done, len(wanted) + 1)
    order = {part: number for number, part in enumerate(PARTS)}
    done.sort(key=lambda item: (order[item.part], item.label, item.path))
    return Split(done, _origin(given, wanted, seed), _remarks(by_class, done, wanted))


def _divide(
    members: Sequence[Item], wanted: Mapping[str, float], seed: int
) -> list[Item]:
    """Take the parts that are wanted from the images of one class."""
    ordered = sorted(members, key=lambda item: _draw(item, seed))
    numbers = part_sizes(len(ordered), wanted)
    parts = [part for part, number in numbers.items() for _ in range(number)]
    parts += ['train'] * (len(ordered) - len(parts))
    return [replace(i, part=part) for i, part in zip(ordered, parts, strict=True)]


def part_sizes(number: int, wanted: Mapping[str, float]) -> dict[str, int]:
    """How many images of a class are held out for each part.

    Examples:
        >>> part_sizes(10, {'val': 0.2, 'test': 0.2})
        {'val': 2, 'test': 2}
        >>> part_sizes(3, {'val': 0.2, 'test': 0.2})
        {'val': 1, 'test': 1}
        >>> part_sizes(2, {'val': 0.2, 'test': 0.2})
        {'val': 0, 'test': 0}
    """
    if number <= len(wanted):
        return dict.fromkeys(wanted, 0)
    sizes = {p: max(1, math.floor(number * f + 0.5)) for p, f in wanted.items()}
    while sum(sizes.values()) >= number:  # one is left to train on
        sizes[max(sizes, key=lambda part: sizes[part])] -= 1
    return sizes


def _draw(item: Item, seed: int) -> bytes:
    text = f'{seed}\n{item.label}\n{item.path}'
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _require_training(held_out: Sequence[Item], training: Mapping) -> None:
    missing = sort_class_names({item.label for item in held_out} - set(training))
    if missing:
        first = next(item for item in held_out if item.label == missing[0])
        one = len(missing) == 1
        hint = printable(did_you_mean(missing[0], training))
        raise ValueError(
            f'{counted(len(missing), "class", "classes")} of the {first.part} '
            f'part {"has" if one else "have"} no training images ({list_names(missing)}'
            f'; first {printable(first.path)}), so {"it" if one else "they"} cannot be '
            f'learnt: correct the {"name" if one else "names"}, add some to the train '
            f'part, or remove {"it" if one else "them"}.{hint}'
        )


def _require_parts(items: Sequence[Item], least: int) -> None:
    for part in PARTS:
        if part not in {item.part for item in items}:
            raise ValueError(
                f'No image is left for {part}: no class has {least} images that '
                'can be used. Add some.'
            )


def _origin(given: set[str], wanted: Mapping[str, float], seed: int) -> str:
    shares = ', '.join(f'{part} {fraction:.0%}' for part, fraction in wanted.items())
    if not given:
        return f'split class by class ({shares}, seed {seed})'
    if not wanted:
        return 'your own parts'
    return f'your own parts; {" and ".join(wanted)} taken from train ({shares})'


def _remarks(
    by_class: Mapping[str, Sequence[Item]],
    items: Sequence[Item],
    wanted: Mapping[str, float],
) -> list[str]:
    lines = []
    small = [name for name, own in by_class.items() if len(own) <= len(wanted)]
    if small and wanted:
        lines.append(
            f'{_classes(small)} fewer than {len(wanted) + 1} images '
            f'({list_names(sort_class_names(small))}): only trained on, so no result '
            f'says how well they are recognised.'
        )
    for part in ('val', 'test'):
        if part not in wanted:
            absent = set(by_class) - {i.label for i in items if i.part == part}
            if absent:
                names = list_names(sort_class_names(absent))
                lines.append(
                    f'{_classes(absent)} no images in your {part} part ({names}).'
                )
    return lines


def _classes(names: Sequence[str] | set[str]) -> str:
    return '1 class has' if len(names) == 1 else f'{len(names)} classes have'
