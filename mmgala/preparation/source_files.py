"""Files of a folder, a zip or a tar archive, read safely and one at a time."""

import os
import posixpath
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mmgala.preparation.progress import progress_bar
from mmgala.preparation.unpack import UnsafeError, leads_out, readable, tar_files

ZIP_MAGIC = b'PK\x03\x04'
MAX_DEPTH = 5  # of a file below a folder: enough for top/data/train/class/file
ENCRYPTED = 1  # bit of a member's flags
REGULAR = (0, stat.S_IFREG, stat.S_IFDIR)  # 0: made on a system without file types

# Takes a name; gives the most bytes that the file may have, or None to leave it out.
Limit = Callable[[str], int | None]


def read_files(source: Path, limit: Limit) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the wanted files, with a progress bar.

    Nothing is written. Names have ``/`` between folders; those of a folder's files
    begin with the folder's own name. Hidden files are left out.

    Args:
        source: a folder, a zip archive, or a tar archive, packed or not.
        limit: which files are wanted, and how large they may be.

    Raises:
        ValueError: if an archive is damaged, holds links or names that lead out of it,
            or a wanted file is larger than its limit.
    """
    if source.is_dir():
        files = _files_of_folder(source, limit)
    elif _is_zip(source):
        files = _files_of_zip(source, limit)
    else:
        files = _files_of_tar(source, limit)
    yield from files


def _is_zip(path: Path) -> bool:
    with open(path, 'rb') as file:
        return file.read(len(ZIP_MAGIC)) == ZIP_MAGIC


def _wanted(name: str, limit: Limit) -> int | None:
    """As ``limit``; hidden files, and what macOS adds to archives, are not wanted."""
    hidden = any(part.startswith(('.', '__MACOSX')) for part in name.split('/'))
    return None if hidden else limit(name)


def _require_size(name: str, size: int, most: int) -> None:
    if size > most:
        raise UnsafeError(
            f'{name!r} has {size:,} bytes, where at most {most:,} are expected'
        )


def _files_of_folder(source: Path, limit: Limit) -> Iterator[tuple[str, bytes]]:
    found: list[tuple[str, Path, int]] = []
    # Not resolved: a link has the name that counts.
    for name, path in _walk(source, os.path.basename(os.path.abspath(source))):
        most = limit(name)
        # Not a device or a pipe, which would be read for ever.
        if most is None or not path.is_file():
            continue
        size = path.stat().st_size
        try:
            _require_size(name, size, most)
        except UnsafeError as error:
            raise ValueError(f'{source}: {error}.') from error
        found.append((name, path, size))
    done = 0
    with progress_bar(f'reading {source}', sum(size for *_, size in found)) as bar:
        for name, path, size in found:
            yield name, path.read_bytes()
            done += size
            bar(done)


def _walk(folder: Path, name: str, depth: int = 1) -> Iterator[tuple[str, Path]]:
    """Files that are not hidden, down to a depth at which circles of links end."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith('.'):
                continue
            if not entry.is_dir():
                yield f'{name}/{entry.name}', Path(entry.path)
            elif depth < MAX_DEPTH:
                yield from _walk(Path(entry.path), f'{name}/{entry.name}', depth + 1)


def _files_of_zip(source: Path, limit: Limit) -> Iterator[tuple[str, bytes]]:
    done = 0
    with readable(source, 'reading') as (stream, bar), zipfile.ZipFile(stream) as file:
        members = file.infolist()
        for member in members:
            if leads_out(member.filename) or _is_special(member):
                raise UnsafeError(
                    f'{member.filename!r} is a link or a device, or leads out of the '
                    'folder'
                )
        for member in members:
            most = None if member.is_dir() else _wanted(member.filename, limit)
            if most is not None:
                _require_size(member.filename, member.file_size, most)
                if member.flag_bits & ENCRYPTED:
                    raise ValueError(f'{source} is encrypted: unpack it first.')
                yield member.filename, file.read(member)
            done += member.compress_size
            bar(done)


def _is_special(member: zipfile.ZipInfo) -> bool:
    return stat.S_IFMT(member.external_attr >> 16) not in REGULAR


def _files_of_tar(source: Path, limit: Limit) -> Iterator[tuple[str, bytes]]:
    with readable(source, 'reading') as (stream, bar):
        # Packed archives are read in one go: a step back would unpack from the start.
        for tar, member in tar_files(stream, 'r|*'):
            bar(stream.tell())
            name = posixpath.normpath(member.name)
            most = _wanted(name, limit)
            if most is None:
                continue
            _require_size(name, member.size, most)
            content = tar.extractfile(member)
            assert content is not None  # regular files have contents
            yield name, content.read()
