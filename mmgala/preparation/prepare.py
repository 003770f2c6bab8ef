"""Prepare a data set: plan what to do, check that it is possible, and do it."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from mmgala.preparation.data_set import DataSet, Part
from mmgala.preparation.download import UnfinishedDownload
from mmgala.preparation.make_part import find_source, make_part, remove_scratch
from mmgala.utils.files import locked

LOCK = '.prepare_data.lock'


@dataclass
class Plan:
    """What has to be done to prepare a data set.

    Attributes:
        lines: description, line by line.
        todo: parts to create.
        by_hand: parts that programs may not download.
        download_size: approximate number of bytes to download.
        needed_size: approximate number of free bytes that this takes.
    """

    lines: list[str]
    todo: list[Part]
    by_hand: list[Part]
    download_size: int = 0
    needed_size: int = 0


def make_plan(data_set: DataSet, root: Path, source: Path | None = None) -> Plan:
    """Find out what is missing. Nothing is changed.

    Args:
        data_set: to prepare.
        root: of the data set.
        source: folder to take missing files from, instead of downloading them; for a
            set that is converted from images also an archive or a folder of images.

    Raises:
        FileNotFoundError: if ``source`` does not exist, or lacks a file.
        ValueError: if ``source`` has to be a folder and is not.
    """
    _check_source(data_set, source)
    plan = Plan([], [], [])
    for part in data_set.parts:
        where = root / part.target
        if part.is_right(root):
            plan.lines.append(f'{where}: exists')
            continue
        found = find_source(part, root, source)
        if found is None and source is not None:
            raise FileNotFoundError(
                f'{source / part.source} does not exist. {_elsewhere(part, data_set)}'
            )
        if found is None and part.url is None:
            plan.by_hand.append(part)
            plan.lines.append(f'{where}: has to be downloaded by hand')
            continue
        plan.todo.append(part)
        plan.needed_size += part.unpacked_size
        if found is None:
            size = max(0, part.size - UnfinishedDownload(root / part.source).size)
            plan.download_size += size
            plan.needed_size += size
            plan.lines.append(f'{where}: from {part.url}, {decimal(size)}')
        else:
            plan.lines.append(f'{where}: from {found}')
        plan.lines += [f'  {remark}' for remark in _remarks(part, root)]
    return plan


def _check_source(data_set: DataSet, source: Path | None) -> None:
    if source is None:
        return
    if not source.exists():
        raise FileNotFoundError(f'--source {source} does not exist.')
    if not source.is_file() and not source.is_dir():  # reading a pipe might never end
        raise ValueError(f'--source {source} is neither a file nor a folder.')
    if source.is_file() and any(part.convert is None for part in data_set.parts):
        raise ValueError(
            f'--source of {data_set.name} is the folder with the published files, but '
            f'{source} is a file.'
        )


def _remarks(part: Part, root: Path) -> Iterator[str]:
    """Effects of making a part that its user might not expect."""
    if any((root / name).exists() for name in part.files or [part.target]):
        yield 'replaces files that are not the published ones'
    if part.select is not None:
        yield 'only the images that the lists name'
    if part.checksum is None and not any(part.files.values()):
        yield 'has no published checksum: its images per class are counted instead'


def _elsewhere(part: Part, data_set: DataSet) -> str:
    if part.url is None:
        return 'It has to be downloaded by hand: leave --source out to see how.'
    return f'Without --source, {part.url} is downloaded. {data_set.elsewhere}'.strip()


def describe_plan(plan: Plan, data_set: DataSet, root: Path) -> str:
    """The plan as text."""
    lines = [f'{data_set.name} ({data_set.home} has its terms of use)', *plan.lines]
    if plan.todo:
        lines.append(
            f'to download: {decimal(plan.download_size)}; disk space needed: '
            f'{decimal(plan.needed_size)}, free: {decimal(_free(root))}'
        )
    if plan.by_hand:
        lines.append(data_set.by_hand)
    return '\n'.join(lines)


def run_plan(
    plan: Plan, data_set: DataSet, root: Path, source: Path | None = None
) -> None:
    """Create all parts that can be created.

    Args:
        plan: of :func:`make_plan`.
        data_set: to prepare.
        root: of the data set; created if it does not exist.
        source: as for :func:`make_plan`.

    Raises:
        ConnectionError: if a download fails.
        BlockingIOError: if another process is preparing a data set there.
        FileNotFoundError: if something has to be downloaded by hand.
        OSError: if the disk is too full, or see :func:`make_part`.
        ValueError: see :func:`make_part`.
    """
    if plan.todo:
        if plan.needed_size > _free(root):
            raise OSError(
                f'{root} needs {decimal(plan.needed_size)}, but the disk has only '
                f'{decimal(_free(root))} left. Free some, or choose another --root.'
            )
        root.mkdir(parents=True, exist_ok=True)
        busy = f'Another process is preparing {root}: wait until it has finished.'
        with locked(root / LOCK, busy):
            remove_scratch(root)
            for part in plan.todo:
                if part.is_right(root):
                    continue  # another process has created it since
                try:
                    make_part(part, root, source)
                except ConnectionError as error:
                    text = f'{error} {data_set.elsewhere}'.strip()
                    raise ConnectionError(text) from error
    if plan.by_hand:
        names = ' and '.join(part.source for part in plan.by_hand)
        raise FileNotFoundError(
            f'{data_set.name} is not complete: {names} must be downloaded by hand '
            f'to {root}, as described above.'
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
