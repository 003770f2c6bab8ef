"""Prepare a data set: plan what to do, check that it is possible, and do it."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from mmgala.console import say
from mmgala.preparation.archives import gunzip, untar
from mmgala.preparation.data_set import CHECKSUM_FILE, DataSet, Part, write_checksums
from mmgala.preparation.download import UnfinishedDownload, download
from mmgala.preparation.sources import is_outdated, is_unpublished, source_digest
from mmgala.utils.files import locked

LOCK_FILE = '.prepare_data.lock'
SCRATCH_FOLDER = '.unpacking'


@dataclass
class Plan:
    """Steps that prepare a data set.

    Attributes:
        lines: description, line by line.
        todo: parts to create.
        by_hand: parts that have to be downloaded by hand.
        download_size: approximate number of bytes to download.
        needed_size: approximate disk space needed, in bytes.
    """

    lines: list[str]
    todo: list[Part]
    by_hand: list[Part]
    download_size: int = 0
    needed_size: int = 0


def make_plan(data_set: DataSet, root: Path, source: Path | None = None) -> Plan:
    """Find the missing parts, changing nothing.

    Args:
        data_set: data set to prepare.
        root: folder of the data set.
        source: folder to take missing files from, instead of downloading them; for a
            data set that is converted from images, also an archive or folder of images.

    Raises:
        FileNotFoundError: if ``source`` does not exist, or lacks a file.
        ValueError: if ``source`` is not a folder, but has to be.
    """
    _check_source(data_set, source)
    plan = Plan([], [], [])
    for part in data_set.parts:
        where = root / part.target
        found = find_source(part, root, source)
        exists = part.is_complete(root)
        if exists and not is_outdated(part, root, source and found):
            plan.lines.append(f'{where}: exists')
            continue
        if found is None and source is not None:
            raise FileNotFoundError(
                f'{source / part.source} does not exist. {_how_to_get(part, data_set)}'
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
        plan.lines += [f'  {remark}' for remark in _remarks(part, root, exists)]
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
            f'Expected --source of {data_set.name} to be the folder with the published '
            f'files, but {source} is a file.'
        )


def _remarks(part: Part, root: Path, outdated: bool) -> Iterator[str]:
    """Effects that users might not expect."""
    if outdated:
        yield 'replaces files that were made from another source, or before it changed'
    elif any((root / name).exists() for name in part.files or [part.target]):
        yield 'replaces files that are not the published ones'
    if part.select is not None:
        yield 'only the listed images'
    if part.checksum is None and not any(part.files.values()):
        yield 'has no published checksum; its class counts are checked instead'


def _how_to_get(part: Part, data_set: DataSet) -> str:
    if part.url is None:
        return 'It has to be downloaded by hand: leave out --source for instructions.'
    return f'Without --source, {part.url} is downloaded. {data_set.alternative}'.strip()


def describe_plan(plan: Plan, data_set: DataSet, root: Path) -> str:
    """Format the plan as text."""
    lines = [f'{data_set.name} (terms of use: {data_set.home})', *plan.lines]
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
        plan: plan from :func:`make_plan`.
        data_set: data set to prepare.
        root: folder of the data set; created if it does not exist.
        source: as in :func:`make_plan`.

    Raises:
        ConnectionError: if a download fails.
        BlockingIOError: if another process is preparing a data set there.
        FileNotFoundError: if a part has to be downloaded by hand.
        OSError: if there is not enough disk space, or as in :func:`make_part`.
        ValueError: as in :func:`make_part`.
    """
    if plan.todo:
        if plan.needed_size > _free(root):
            raise OSError(
                f'{root} needs {decimal(plan.needed_size)} of disk space, but only '
                f'{decimal(_free(root))} are free. Choose another --root, or free some.'
            )
        root.mkdir(parents=True, exist_ok=True)
        busy = f'Another process is preparing {root}: wait until it has finished.'
        with locked(root / LOCK_FILE, busy):
            remove_scratch(root)
            for part in plan.todo:
                found = find_source(part, root, source)
                if part.is_complete(root) and not is_outdated(
                    part, root, source and found
                ):
                    continue  # another process has created it since
                try:
                    make_part(part, root, source)
                except ConnectionError as error:
                    text = f'{error} {data_set.alternative}'.strip()
                    raise ConnectionError(text) from error
    if plan.by_hand:
        names = ' and '.join(part.source for part in plan.by_hand)
        raise FileNotFoundError(
            f'{data_set.name} is incomplete: {names} must be downloaded by hand to '
            f'{root}, as described above.'
        )


def delete_archives(parts: Sequence[Part], root: Path) -> None:
    """Delete the archives in ``root`` that the parts were created from."""
    for part in parts:
        path = root / part.source
        if part.packing != 'none' and path.is_file():
            say(f'deleting {path}')
            path.unlink()


def _free(root: Path) -> int:
    """Number of free bytes on the disk of ``root``, which may not exist yet."""
    root = root.absolute()
    existing = next(path for path in (root, *root.parents) if path.exists())
    return shutil.disk_usage(existing).free


def find_source(part: Part, root: Path, source: Path | None) -> Path | None:
    """Find an existing file to create a part from, which need not be downloaded.

    Args:
        part: part to create.
        root: folder of the data set.
        source: another folder to search; for a part that is converted from images, also
            the archive or folder of images itself.
    """
    if source is not None and (source / part.source).is_file():
        return source / part.source
    if source is not None and part.convert is not None and source.exists():
        return source
    # A file with the target's own name is the part itself, not its source.
    if part.packing != 'none' and (root / part.source).is_file():
        return root / part.source
    return None


def make_part(part: Part, root: Path, source: Path | None = None) -> None:
    """Create a part, which gets its final name only when it is complete.

    Args:
        part: missing or damaged part.
        root: folder of the data set.
        source: another folder to search; see :func:`find_source`.

    Raises:
        ValueError: if the source is not the published file.
        OSError: if the download fails, or the disk is full.
    """
    found = find_source(part, root, source)
    if found is None:
        say(f'downloading {part.url}')
        found = root / part.source
        _download(part, found)
        if part.packing == 'none':
            return
    elif _is_verified_whole(part, found):
        say(f'verifying {found}')
        part.verify(found)
    UnfinishedDownload(root / part.source).remove()  # no longer needed
    say(f'{_action(part)} {found} to {root / part.target}')
    with scratch(root) as folder:
        _unpack(part, found, folder, root)
        if not (folder / part.target).exists():
            raise ValueError(
                f'{found} is not the published archive: it lacks {part.target}.'
            )
        for name in part.wrong_files(folder):
            raise ValueError(_wrong(part, found, name))
        _move(part, folder, root)


def _is_verified_whole(part: Part, found: Path) -> bool:
    """Whether to verify the source itself rather than its contents."""
    if part.packing == 'gzip':  # Debian compresses the files differently
        return not part.files
    return part.convert is None or found.name == part.source


def _action(part: Part) -> str:
    return {'none': 'copying', 'images': 'reading'}.get(part.packing, 'unpacking')


def _wrong(part: Part, found: Path, name: str) -> str:
    if part.convert is None:
        return f'{found} is not the published file (wrong checksum of its {name}).'
    return (
        f'{found} does not contain the published images under their published names: '
        f'the resulting {name} differs from the official one.'
    )


def _download(part: Part, path: Path) -> None:
    assert part.url is not None  # the plan has checked it

    def verify(unfinished: Path) -> None:
        say(f'verifying {part.source}')
        for known in part.files.values() if part.packing == 'none' else ():
            assert known is not None  # published, as nothing is converted
            known.require(unfinished)
        part.verify(unfinished)

    try:
        download(part.url, path, verify)
    except ConnectionError as error:
        known = part.checksum or part.files.get(part.target)
        note = f', {known}' if known is not None else ''
        raise ConnectionError(
            f'{error}. Download it elsewhere, put it at {path}{note}, and run the same '
            'command again.'
        ) from error


def _unpack(part: Part, archive: Path, folder: Path, root: Path) -> None:
    # The sizes are approximate; a bomb is a thousand times as large as it should be.
    most = 4 * part.unpacked_size + (1 << 20)
    if part.convert is not None:
        part.convert(archive, folder)
        digest = source_digest(archive) if is_unpublished(part) else ''
        write_checksums(folder, part.files, digest)
    elif part.packing == 'none':
        shutil.copyfile(archive, folder / part.target)
    elif part.packing == 'gzip':
        gunzip(archive, folder / part.target, most)
    else:
        selected = None if part.select is None else part.select(root)
        nested = part.packing == 'tar of tars'
        untar(archive, folder, selected, nested, most)


def _move(part: Part, folder: Path, root: Path) -> None:
    if part.convert is not None:
        # Without stored checksums the part counts as missing until it is complete.
        (root / CHECKSUM_FILE).unlink(missing_ok=True)
        for name in (*part.files, CHECKSUM_FILE):
            os.replace(folder / name, root / name)
        return
    if not (root / part.target).is_dir():
        os.replace(folder / part.target, root / part.target)
        return
    # In an existing folder only damaged files are replaced.
    for name in part.wrong_files(root):
        os.replace(folder / name, root / name)


@contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """Create an empty folder on the same disk, and remove it afterwards."""
    folder = root / SCRATCH_FOLDER
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_scratch(root: Path) -> None:
    """Remove the scratch folder of a process that was killed."""
    if (root / SCRATCH_FOLDER).exists():
        say(f'removing {root / SCRATCH_FOLDER}, left by an interrupted run')
        shutil.rmtree(root / SCRATCH_FOLDER)
