"""Files of a folder, a zip or a tar archive, read without unpacking."""

import os
import posixpath
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mmgala.preparation.archives import (
    UnsafeError,
    leads_out,
    open_archive,
    tar_files,
)
from mmgala.utils.progress import progress_bar

ZIP_MAGIC = b'PK\x03\x04'
MAX_DEPTH = 5  # folder levels, enough for top/data/train/class/file
ENCRYPTED = 1  # bit in the flags of a zip entry
REGULAR = (0, stat.S_IFREG, stat.S_IFDIR)  # 0: created without file types

# Maps a name to the largest allowed size in bytes, or None to skip the file.
Limit = Callable[[str], int | None]


def read_files(source: Path, limit: Limit) -> Iterator[tuple[str, bytes]]:
    """Names and contents of selected files, with a progress bar.

    Nothing is written to disk. Names have ``/`` between folders and begin with the name
    of the folder that they are read from. Hidden files are skipped.

    Args:
        source: a folder, a zip archive, or a tar archive, compressed or not.
        limit: which files to read, and how large they may be.

    Raises:
        ValueError: if an archive is damaged, holds links or names that lead out of it,
            or a selected file is larger than its limit.
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


def _size_limit(name: str, limit: Limit) -> int | None:
    """As ``limit``, but skip hidden files and those that macOS adds to archives."""
    hidden = any(part.startswith(('.', '__MACOSX')) for part in name.split('/'))
    return None if hidden else limit(name)


def _require_size(name: str, size: int, most: int) -> None:
    if size > most:
        raise UnsafeError(
            f'{name!r} has {size:,} bytes, where at most {most:,} are expected'
        )


def _files_of_folder(source: Path, limit: Limit) -> Iterator[tuple[str, bytes]]:
    found: list[tuple[str, Path, int]] = []
    # Not resolved: a symbolic link keeps its own name.
    for name, path in _walk(source, os.path.basename(os.path.abspath(source))):
        most = limit(name)
        # Reading a device or a pipe might never end.
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
    """Files that are not hidden; the depth limit ends loops of symbolic links."""
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
    with (
        open_archive(source, 'reading') as (stream, bar),
        zipfile.ZipFile(stream) as file,
    ):
        entries = file.infolist()
        for entry in entries:
            if leads_out(entry.filename) or _is_special(entry):
                raise UnsafeError(
                    f'{entry.filename!r} is a link or a device, or leads out of the '
                    'folder'
                )
        for entry in entries:
            most = None if entry.is_dir() else _size_limit(entry.filename, limit)
            if most is not None:
                _require_size(entry.filename, entry.file_size, most)
                if entry.flag_bits & ENCRYPTED:
                    raise ValueError(f'{source} is encrypted: unpack it first.')
                yield entry.filename, file.read(entry)
            done += entry.compress_size
            bar(done)


def _is_special(entry: zipfile.ZipInfo) -> bool:
    return stat.S_IFMT(entry.external_attr >> 16) not in REGULAR


def _files_of_tar(source: Path, limit: Limit) -> Iterator[tuple[str, bytes]]:
    with open_archive(source, 'reading') as (stream, bar):
        # Compressed archives are streamed: seeking back would unpack from the start.
        for tar, member in tar_files(stream, 'r|*'):
            bar(stream.tell())
            name = posixpath.normpath(member.name)
            most = _size_limit(name, limit)
            if most is None:
                continue
            _require_size(name, member.size, most)
            content = tar.extractfile(member)
            assert content is not None  # regular files have contents
            yield name, content.read()
