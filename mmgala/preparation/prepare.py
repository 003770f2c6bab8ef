"""Prepare a data set: say what there is to do, see that it can be done, do it."""

import fcntl
import functools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmgala.preparation.cifar import CIFAR10, CIFAR100, cifar
from mmgala.preparation.data_set import DataSet, Part
from mmgala.preparation.download import Partial
from mmgala.preparation.fashion_mnist import fashion_mnist
from mmgala.preparation.image_sets import imagenet_lt, inaturalist, places_lt
from mmgala.preparation.make_part import clear, find_source, obtain
from mmgala.preparation.plankton import plankton
from mmgala.utils.progress import size_text

BUILDERS: dict[str, Callable[[], DataSet]] = {
    'cifar10': functools.partial(cifar, CIFAR10),
    'cifar100': functools.partial(cifar, CIFAR100),
    'plankton': plankton,
    'fashion-mnist': fashion_mnist,
    'imagenet-lt': imagenet_lt,
    'places-lt': places_lt,
    'inaturalist2018': inaturalist,
}
NAMES = tuple(BUILDERS)


def data_set(name: str) -> DataSet:
    """Entry of the catalogue.

    Raises:
        ValueError: if there is no such entry.
    """
    if name not in BUILDERS:
        raise ValueError(f'Expected one of {", ".join(BUILDERS)}, but got {name!r}.')
    return BUILDERS[name]()


LOCK = '.prepare_data.lock'


@dataclass
class Plan:
    """What there is to do.

    Attributes:
        lines: that say it.
        todo: parts to make.
        by_hand: parts that only people can fetch.
        download_size: bytes to fetch, about.
        needed_size: bytes that the disk must have, about.
    """

    lines: list[str]
    todo: list[Part]
    by_hand: list[Part]
    download_size: int = 0
    needed_size: int = 0


def make_plan(data_set: DataSet, root: Path, source: Path | None = None) -> Plan:
    """See what is there. Nothing is changed.

    Args:
        data_set: to prepare.
        root: of the data set.
        source: folder that all that is missing is taken from; of a set that is made
            of images also an archive, or a folder of images. Nothing is downloaded
            then.

    Raises:
        FileNotFoundError: if ``source`` does not exist, or lacks a file.
        ValueError: if it should be a folder.
    """
    _check_source(data_set, source)
    plan = Plan([], [], [])
    for part in data_set.parts:
        where = root / part.target
        if part.is_right(root):
            plan.lines.append(f'{where}: is there')
            continue
        found = find_source(part, root, source)
        if found is None and source is not None:
            raise FileNotFoundError(
                f'{source / part.source} does not exist. {_elsewhere(part, data_set)}'
            )
        if found is None and part.url is None:
            plan.by_hand.append(part)
            plan.lines.append(f'{where}: has to be fetched by hand')
            continue
        plan.todo.append(part)
        plan.needed_size += part.unpacked_size
        if found is None:
            size = max(0, part.size - Partial(root / part.source).size)
            plan.download_size += size
            plan.needed_size += size
            plan.lines.append(f'{where}: from {part.url}, {size_text(size)}')
        else:
            plan.lines.append(f'{where}: from {found}')
        plan.lines += [f'  {note}' for note in _notes(part, root)]
    return plan


def _check_source(data_set: DataSet, source: Path | None) -> None:
    if source is None:
        return
    if not source.exists():
        raise FileNotFoundError(f'--source {source} does not exist.')
    if not source.is_file() and not source.is_dir():  # a pipe would be waited for
        raise ValueError(f'--source {source} is neither a file nor a folder.')
    if source.is_file() and any(part.make is None for part in data_set.parts):
        raise ValueError(
            f'--source of {data_set.name} is the folder with the published files, but '
            f'{source} is a file.'
        )


def _notes(part: Part, root: Path) -> Iterator[str]:
    """What a reader of the plan might not expect."""
    if any((root / name).exists() for name in part.files or [part.target]):
        yield 'replaces files that are there and are not the published ones'
    if part.members is not None:
        yield 'of its images, those that the lists name'
    if part.checksum is None and not any(part.files.values()):
        yield 'has no published checksum: its images per class are counted instead'


def _elsewhere(part: Part, data_set: DataSet) -> str:
    if part.url is None:
        return 'It has to be fetched by hand: leave --source out to see how.'
    return f'Without --source, {part.url} is downloaded. {data_set.elsewhere}'.strip()


def describe(plan: Plan, data_set: DataSet, root: Path) -> str:
    """The plan as text."""
    lines = [f'{data_set.name} ({data_set.home} has its terms of use)', *plan.lines]
    if plan.todo:
        lines.append(
            f'to download: {size_text(plan.download_size)}; disk space needed: '
            f'{size_text(plan.needed_size)}, free: {size_text(_free(root))}'
        )
    if plan.by_hand:
        lines.append(data_set.by_hand)
    return '\n'.join(lines)


def carry_out(
    plan: Plan, data_set: DataSet, root: Path, source: Path | None = None
) -> None:
    """Make all parts that can be made.

    Args:
        plan: for this data set and root.
        data_set: to prepare.
        root: of the data set; made if it is not there.
        source: as of the plan.

    Raises:
        ConnectionError: if a download fails.
        BlockingIOError: if another process prepares a data set there.
        FileNotFoundError: if something has to be fetched by hand.
        OSError: if the disk is too small, or see :func:`obtain`.
        ValueError: see :func:`obtain`.
    """
    if plan.todo:
        if plan.needed_size > _free(root):
            raise OSError(
                f'{root} needs {size_text(plan.needed_size)}, but the disk has only '
                f'{size_text(_free(root))} left. Free some, or choose another --root.'
            )
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):
            clear(root)
            for part in plan.todo:
                if part.is_right(root):
                    continue  # another run has made it since the plan
                try:
                    obtain(part, root, source)
                except ConnectionError as error:
                    text = f'{error} {data_set.elsewhere}'.strip()
                    raise ConnectionError(text) from error
    if plan.by_hand:
        names = ' and '.join(part.source for part in plan.by_hand)
        raise FileNotFoundError(
            f'{data_set.name} is not complete: {names} must be fetched by hand and put '
            f'into {root}, as said above.'
        )


def delete_archives(parts: Sequence[Part], root: Path) -> None:
    """Delete the archives in ``root`` that the parts were made from."""
    for part in parts:
        path = root / part.source
        if part.packing != 'none' and path.is_file():
            print(f'deleting {path}', flush=True)
            path.unlink()


def _free(root: Path) -> int:
    """Free bytes on the disk that ``root`` is on, or will be."""
    root = root.absolute()
    existing = next(path for path in (root, *root.parents) if path.exists())
    return shutil.disk_usage(existing).free


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Keep other runs out of ``root``. The lock of a killed run is no hindrance."""
    path = root / LOCK
    with open(path, 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The file of a run that has just ended locks nobody out.
            if not path.exists() or not os.path.samestat(
                os.fstat(file.fileno()), path.stat()
            ):
                raise BlockingIOError
        except BlockingIOError:
            raise BlockingIOError(
                f'Another run prepares {root}: wait until it has ended.'
            ) from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
