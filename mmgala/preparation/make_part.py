"""Make one part of a data set: download, verify, unpack, move into place."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmgala.preparation.archives import gunzip, untar
from mmgala.preparation.checksums import RECORD, write_record
from mmgala.preparation.data_set import Part
from mmgala.preparation.download import Partial, download

SCRATCH = '.unpacking'


def find_source(part: Part, root: Path, source: Path | None) -> Path | None:
    """Where the file that a part is made from lies already, if it does.

    Args:
        part: to make.
        root: of the data set.
        source: another folder to look in; where the part is made of images, also what
            it is made from.
    """
    if source is not None and (source / part.source).is_file():
        return source / part.source
    if source is not None and part.make is not None and source.exists():
        return source
    # What has the target's own name is no source of it: the part would be right.
    if part.packing != 'none' and (root / part.source).is_file():
        return root / part.source
    return None


def obtain(part: Part, root: Path, source: Path | None = None) -> None:
    """Make a part. It gets its name when it is whole, and not before.

    Args:
        part: that is not there, or is not right.
        root: of the data set.
        source: a folder with files that need no download; see :func:`find_source`.

    Raises:
        ValueError: if what it is made from is not what is published.
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
    Partial(root / part.source).remove()  # of a download that is needed no more
    print(f'{_action(part)} {found} to {root / part.target}', flush=True)
    with scratch(root) as folder:
        _unpack(part, found, folder, root)
        if not (folder / part.target).exists():
            raise ValueError(
                f'{found} is not what it should be: no {part.target} in it.'
            )
        for name in part.wrong_files(folder):
            raise ValueError(_wrong(part, found, name))
        _move(part, folder, root)


def _is_verified_whole(part: Part, found: Path) -> bool:
    """Whether the source's own checksum counts, and not that of what is in it."""
    if part.packing == 'gzip':  # Debian packs the files again
        return not part.files
    return part.make is None or found.name == part.source


def _action(part: Part) -> str:
    return {'none': 'copying', 'images': 'reading'}.get(part.packing, 'unpacking')


def _wrong(part: Part, found: Path, name: str) -> str:
    if part.make is None:
        return f'{found} is not the published file (wrong checksum of {name} in it).'
    return (
        f'{found} does not hold the published images under their published names: '
        f'{name} would not be the official one.'
    )


def _download(part: Part, path: Path) -> None:
    assert part.url is not None  # checked before anything was started

    def verify(partial: Path) -> None:
        print(f'verifying {part.source}', flush=True)
        for known in part.files.values() if part.packing == 'none' else ():
            assert known is not None  # published, where there is nothing to make
            known.require(partial)
        part.verify(partial)

    try:
        download(part.url, path, verify)
    except ConnectionError as error:
        known = part.checksum or part.files.get(part.target)
        note = f', {known}' if known is not None else ''
        raise ConnectionError(
            f'{error}. Fetch it by other means and put it at {path}{note}; then run '
            'this again.'
        ) from error


def _unpack(part: Part, archive: Path, folder: Path, root: Path) -> None:
    if part.make is not None:
        part.make(archive, folder)
        write_record(folder, part.files)
    elif part.packing == 'none':
        shutil.copyfile(archive, folder / part.target)
    elif part.packing == 'gzip':
        gunzip(archive, folder / part.target)
    else:
        members = None if part.members is None else part.members(root)
        untar(archive, folder, members, nested=part.packing == 'tar of tars')


def _move(part: Part, folder: Path, root: Path) -> None:
    if part.make is not None:
        # Without its record the part is not right before the last file is in place.
        (root / RECORD).unlink(missing_ok=True)
        for name in (*part.files, RECORD):
            os.replace(folder / name, root / name)
        return
    if not (root / part.target).is_dir():
        os.replace(folder / part.target, root / part.target)
        return
    # A folder with files that are damaged: they alone are replaced.
    for name in part.wrong_files(root):
        os.replace(folder / name, root / name)


@contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """An empty folder on the same disk, which is removed in the end."""
    folder = root / SCRATCH
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear(root: Path) -> None:
    """Remove what an unpacking that was killed has left."""
    if (root / SCRATCH).exists():
        print(f'removing {root / SCRATCH}, left by an interrupted run', flush=True)
        shutil.rmtree(root / SCRATCH)
