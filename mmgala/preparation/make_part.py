"""Make one part of a data set: download, verify, unpack, move into place."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmgala.preparation.archives import gunzip, untar
from mmgala.preparation.checksums import CHECKSUM_FILE, write_checksums
from mmgala.preparation.data_set import Part
from mmgala.preparation.download import UnfinishedDownload, download

SCRATCH = '.unpacking'


def find_source(part: Part, root: Path, source: Path | None) -> Path | None:
    """Find the file that a part is made from, if it exists already.

    Args:
        part: to make.
        root: of the data set.
        source: another folder to look in; for a part that is converted from images,
            also the archive or folder of images itself.
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
    """Create a part, which appears under its name only when it is complete.

    Args:
        part: one that is missing or not right.
        root: of the data set.
        source: a folder with files that need no download; see :func:`find_source`.

    Raises:
        ValueError: if its source is not what is published.
        OSError: if the download fails, or the disk is full.
    """
    found = find_source(part, root, source)
    if found is None:
        print(f'downloading {part.url}', flush=True)
        found = root / part.source
        _download(part, found)
        if part.packing == 'none':
            return
    elif _is_verified_whole(part, found):
        print(f'verifying {found}', flush=True)
        part.verify(found)
    UnfinishedDownload(root / part.source).remove()  # no longer needed
    print(f'{_action(part)} {found} to {root / part.target}', flush=True)
    with scratch(root) as folder:
        _unpack(part, found, folder, root)
        if not (folder / part.target).exists():
            raise ValueError(
                f'{found} is not the right archive: it has no {part.target}.'
            )
        for name in part.wrong_files(folder):
            raise ValueError(_wrong(part, found, name))
        _move(part, folder, root)


def _is_verified_whole(part: Part, found: Path) -> bool:
    """Whether to verify the source itself rather than its contents."""
    if part.packing == 'gzip':  # Debian compresses the files itself
        return not part.files
    return part.convert is None or found.name == part.source


def _action(part: Part) -> str:
    return {'none': 'copying', 'images': 'reading'}.get(part.packing, 'unpacking')


def _wrong(part: Part, found: Path, name: str) -> str:
    if part.convert is None:
        return f'{found} is not the published file (wrong checksum of {name} in it).'
    return (
        f'{found} does not hold the published images under their published names: '
        f'{name} would not be the official one.'
    )


def _download(part: Part, path: Path) -> None:
    assert part.url is not None  # the plan has checked it

    def verify(unfinished: Path) -> None:
        print(f'verifying {part.source}', flush=True)
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
            f'{error}. Download it by other means to {path}{note}; then run this again.'
        ) from error


def _unpack(part: Part, archive: Path, folder: Path, root: Path) -> None:
    if part.convert is not None:
        part.convert(archive, folder)
        write_checksums(folder, part.files)
    elif part.packing == 'none':
        shutil.copyfile(archive, folder / part.target)
    elif part.packing == 'gzip':
        gunzip(archive, folder / part.target)
    else:
        selected = None if part.select is None else part.select(root)
        untar(archive, folder, selected, nested=part.packing == 'tar of tars')


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
    """An empty folder on the same disk, which is removed afterwards."""
    folder = root / SCRATCH
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_scratch(root: Path) -> None:
    """Remove the scratch folder of a process that was killed."""
    if (root / SCRATCH).exists():
        print(f'removing {root / SCRATCH}, left by an interrupted run', flush=True)
        shutil.rmtree(root / SCRATCH)
