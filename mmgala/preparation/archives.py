"""Files of a folder, a zip or a tar archive, read and unpacked safely."""

import gzip
import lzma
import os
import posixpath
import shutil
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from mmgala.utils.progress import Bar, progress_bar

SHOWN = 5

# What reading a damaged archive raises.
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # of a packing that Python does not know
)


class UnsafeError(Exception):
    """An archive holds what no archive of images holds."""


# Takes a name in the archive; gives the path to unpack it to, or None to leave it out.
Place = Callable[[str], str | None]


def gunzip(archive: Path, path: Path) -> None:
    """Unpack one gzip-packed file.

    Raises:
        ValueError: if the archive is damaged.
    """
    with (
        readable(archive, 'unpacking') as (stream, _),
        gzip.open(stream) as unpacked,
        open(path, 'wb') as file,
    ):
        shutil.copyfileobj(unpacked, file)


def untar(
    archive: Path,
    folder: Path,
    members: Mapping[str, str] | None = None,
    nested: bool = False,
) -> None:
    """Unpack files of a tar archive, packed by gzip or not.

    Archives of images hold files and folders. Anything else in one (links, devices,
    names that lead out of ``folder``) means that it is not what it should be.

    Args:
        archive: ends in ``.gz`` where it is packed.
        folder: to unpack to.
        members: the files to unpack: name in the archive -> path below ``folder``. All
            files, under the names that they have, if None.
        nested: take the members of the plain tar archives that the archive, which is
            not packed, consists of.

    Raises:
        ValueError: if the archive is damaged, lacks some of ``members`` or holds what
            it should not, or if this Python cannot unpack safely.
    """
    if not hasattr(tarfile, 'data_filter'):
        raise ValueError(
            f'Python {sys.version.split()[0]} cannot unpack archives safely: use '
            '3.10.12, 3.11.4 or later.'
        )
    place: Place = (lambda name: name) if members is None else members.get
    missing = dict(members or {})
    # Packed archives are read in one go: a step back would unpack from the start.
    mode = 'r|gz' if archive.name.endswith('gz') else 'r:'
    with readable(archive, 'unpacking') as (stream, bar):

        def at_file() -> None:
            bar(stream.tell())

        if nested:
            for inner in _inner_archives(stream, mode):
                _extract(inner, 'r:', folder, place, missing, at_file)
        else:
            _extract(stream, mode, folder, place, missing, at_file)
    if missing:
        some = ', '.join(list(missing)[:SHOWN])
        raise ValueError(
            f'{archive} lacks {len(missing):,} of {len(members or ()):,} files: {some}'
        )


@contextmanager
def readable(archive: Path, action: str) -> Iterator[tuple[IO[bytes], Bar]]:
    """An archive, a progress bar over it, and one-line errors where it is damaged."""
    with (
        open(archive, 'rb') as stream,
        progress_bar(f'{action} {archive.name}', archive.stat().st_size) as bar,
    ):
        try:
            yield stream, bar
        except (UnsafeError, tarfile.FilterError) as error:
            raise ValueError(f'{archive} is not safe to unpack: {error}.') from error
        except DAMAGED as error:
            raise ValueError(f'{archive} is damaged ({error}).') from error


def leads_out(name: str) -> bool:
    """Whether a name in an archive is absolute, or leads out of the folder."""
    path = PurePosixPath(name.replace('\\', '/'))
    return path.is_absolute() or '..' in path.parts or name[1:2] == ':'


def tar_files(
    stream: IO[bytes], mode: str
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Regular files of a tar archive, in its order, and the archive that they are in.

    Raises:
        UnsafeError: on a link, a device, or a name that leads out of the folder.
        tarfile.TarError: if the archive is damaged; also other errors of
            :data:`DAMAGED`.
    """
    # mypy knows tarfile.open by literal modes alone.
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
        while (member := tar.next()) is not None:
            # tarfile keeps what it has read: gigabytes, with a million images.
            tar.members.clear()
            if leads_out(member.name) or not (member.isfile() or member.isdir()):
                raise UnsafeError(
                    f'{member.name!r} is a link or a device, or leads out of the folder'
                )
            if member.isfile():
                yield tar, member


def _extract(
    stream: IO[bytes],
    mode: str,
    folder: Path,
    place: Place,
    missing: dict[str, str],
    at_file: Callable[[], None],
) -> None:
    """Extract what has a place; take it off ``missing``."""
    for tar, member in tar_files(stream, mode):
        at_file()
        name = posixpath.normpath(member.name)
        path = place(name)
        if path is None:
            continue
        tar.extract(member.replace(name=path, deep=False), folder, filter='data')
        missing.pop(name, None)


def _inner_archives(stream: IO[bytes], mode: str) -> Iterator[IO[bytes]]:
    for tar, member in tar_files(stream, mode):
        inner = tar.extractfile(member)
        assert inner is not None  # regular files have contents
        yield inner


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
