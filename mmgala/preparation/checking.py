"""Comparison of the files on disk with the published data set."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tabulate import tabulate

from mmgala.preparation.data_set import CHECKSUM_FILE, DataSet, Part, Split

MAX_EXAMPLES = 5  # in a message
HEADER = ('split', 'expected', 'found', 'classes', 'min', 'max')


@dataclass
class CheckReport:
    """Result of :func:`check`.

    Attributes:
        rows: one per split, with the columns of the table; None if unknown.
        problems: one line each; empty if everything is correct.
    """

    rows: list[tuple[str | int | None, ...]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Format the rows as a text table."""
        return tabulate(
            self.rows, HEADER, tablefmt='plain', intfmt=',', missingval='-',
            colalign=['left', *['right'] * (len(HEADER) - 1)],
        )  # fmt: skip


def check(data_set: DataSet, root: Path) -> CheckReport:
    """Verify the files, the number of images and the class counts, changing nothing.

    A split is read only if the files that it needs have the expected checksums.

    Args:
        data_set: data set to check.
        root: folder of the data set.
    """
    report = CheckReport()
    wrong: dict[str, str] = {}
    for part in data_set.parts:
        wrong.update(_wrong_files(part, root))
    report.problems += [f'{root / name} {reason}' for name, reason in wrong.items()]
    for split in data_set.splits:
        if any(name in wrong for name in split.needs):
            expected = sum(split.class_counts())
            report.rows.append((split.name, expected, None, None, None, None))
            continue
        row, problems = _check_split(split, root)
        report.rows.append(row)
        report.problems += [f'{split.name}: {problem}' for problem in problems]
    return report


def _wrong_files(part: Part, root: Path) -> Iterator[tuple[str, str]]:
    if not part.files and not (root / part.target).exists():
        yield part.target, 'is missing'
    expected = part.expected_checksums(root)
    for name in part.wrong_files(root):
        if not (root / name).is_file():
            yield name, 'is missing'
        elif expected[name] is None:
            yield (
                name,
                f'cannot be verified: {root / CHECKSUM_FILE} lacks its checksum',
            )
        elif part.files[name] is None:
            yield (
                name,
                f'has changed since it was created (see {CHECKSUM_FILE})',
            )
        else:
            yield name, f'is not the published file (expected {expected[name]})'


def _check_split(
    split: Split, root: Path
) -> tuple[tuple[str | int | None, ...], list[str]]:
    official = split.class_counts()
    try:
        paths, labels = split.read(root)
    except (ValueError, OSError) as error:
        return (split.name, sum(official), None, None, None, None), [str(error)]
    counts = np.bincount(labels, minlength=len(official)).tolist()
    problems = [problem] if (problem := count_problem(counts, official)) else []
    missing = []
    if paths:
        from mmgala.datasets.readers.image_list import missing_images

        missing = missing_images(root, paths)
    if missing:
        some = ', '.join(paths[index] for index in missing[:MAX_EXAMPLES])
        problems.append(
            f'{len(missing):,} of {len(paths):,} images are missing: {some}'
        )
    found = len(labels) - len(missing)
    classes = sum(count > 0 for count in counts)
    row = (split.name, sum(official), found, classes, min(counts), max(counts))
    return row, problems


def count_problem(counts: Sequence[int], official: Sequence[int]) -> str | None:
    """Describe incorrect class counts; None if all are correct."""
    if len(counts) != len(official):
        return f'expected {len(official)} classes, but found {len(counts)}'
    wrong = [i for i, known in enumerate(official) if counts[i] != known]
    if not wrong:
        return None
    some = ', '.join(
        f'class {i} has {counts[i]:,} (expected {official[i]:,})'
        for i in wrong[:MAX_EXAMPLES]
    )
    return f'{len(wrong):,} classes have a wrong number of images: {some}'


def require_class_counts(path: Path, class_counts: Callable[[], Sequence[int]]) -> None:
    """Check an image list by its class counts.

    Raises:
        ValueError: if the list is invalid or has different class counts.
    """
    from mmgala.datasets.readers.image_list import read_image_list

    official = class_counts()
    _, labels = read_image_list(path, len(official))
    counts = np.bincount(labels, minlength=len(official)).tolist()
    if (problem := count_problem(counts, official)) is not None:
        raise ValueError(f'{path} is not the official list: {problem}.')
