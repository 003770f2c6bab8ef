"""Archives from the internet, and folders of images: unpacked or read safely."""

import gzip
import lzma
import os
import posixpath
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from mmgala.console.byte_bar import ReportBytes, byte_bar
from mmgala.utils.files import read_chunks

MAX_LISTED = 5  # missing files in a message
MAX_DEPTH = 5  # folder levels, enough for top/data/train/class/file
ZIP_MAGIC = b'PK\x03\x04'
ENCRYPTED = 1  # bit in the flags of a zip entry
REGULAR = (0, stat.S_IFREG, stat.S_IFDIR)  # 0: created without file types
# Errors of reading a damaged archive.
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # for an unknown compression method
)

# Maps a name in the archive to the path to unpack it to, or None to skip it.
Place = Callable[[str], str | None]
# Maps a name to the largest allowed size in bytes, or None to skip the file.
Limit = Callable[[str], int | None]


class UnsafeError(Exception):
    """An archive has entries that could do harm, and that images do not need."""


@contextmanager
def open_archive(archive: Path, action: str) -> Iterator[tuple[IO[bytes], ReportBytes]]:
    """Open an archive with a progress bar, and explain its errors.

    Args:
        archive: path of the archive.
        action: verb for the progress bar, such as ``'unpacking'``.

    Raises:
        ValueError: if the archive turns out to be damaged or unsafe.
    """
    with (
        open(archive, 'rb') as stream,
        byte_bar(f'{action} {archive.name}', archive.stat().st_size) as bar,
    ):
        try:
            yield stream, bar
        except (UnsafeError, tarfile.FilterError) as error:
            raise ValueError(f'{archive} is not safe to unpack: {error}.') from error
        except DAMAGED as error:
            raise ValueError(f'{archive} is damaged ({error}).') from error


def leads_out(name: str) -> bool:
    """Whether a path in an archive is absolute, or leads out of the folder."""
    path = PurePosixPath(name.replace('\\', '/'))
    return path.is_absolute() or '..' in path.parts or name[1:2] == ':'


def tar_files(
    stream: IO[bytes], mode: str
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the regular files of a tar archive in order, each with the open archive.

    Raises:
        UnsafeError: for a link, a device, or a path that leads out of the folder.
        tarfile.TarError: if the archive is damaged; also other errors of
            :data:`DAMAGED`.
    """
    # mypy only knows literal modes of tarfile.open.
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
        while (member := tar.next()) is not None:
            # tarfile keeps every header it has read: gigabytes for a million images.
            tar.members.clear()
            if leads_out(member.name) or not (member.isfile() or member.isdir()):
                raise UnsafeError(
                    f'{member.name!r} is a link or a device, or leads out of the folder'
                )
            if member.isfile():
                yield tar, member


class _Budget:
    """Number of bytes that may still be unpacked."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._used = 0

    def take(self, size: int) -> None:
        """Count bytes before they are written.

        Raises:
            UnsafeError: if they are too many.
        """
        self._used += size
        if self._most is not None and self._used > self._most:
            raise UnsafeError(
                f'it unpacks to more than {self._most:,} bytes, which is far more than '
                'the published files take'
            )


def gunzip(archive: Path, path: Path, most: int | None = None) -> None:
    """Unpack one file that is compressed with gzip.

    Args:
        archive: path of the archive.
        path: file to write.
        most: largest allowed size of the file in bytes.

    Raises:
        ValueError: if the archive is damaged, or the file is larger than ``most``.
    """
    budget = _Budget(most)
    with (
        open_archive(archive, 'unpacking') as (stream, _),
        gzip.open(stream) as unpacked,
        open(path, 'wb') as file,
    ):
        for chunk in read_chunks(cast(IO[bytes], unpacked)):
            budget.take(len(chunk))
            file.write(chunk)


def untar(
    archive: Path,
    folder: Path,
    selected: Mapping[str, str] | None = None,
    nested: bool = False,
    most: int | None = None,
) -> None:
    """Unpack files of a tar archive, compressed by gzip or not.

    Archives with anything but files and folders (links, devices, paths that lead out of
    ``folder``) are rejected.

    Args:
        archive: path of the archive, which ends in ``.gz`` if it is compressed.
        folder: folder to unpack to.
        selected: files to unpack: path below ``folder``, by name in the archive.
            Defaults to all files, under their own names.
        nested: whether the archive is uncompressed and consists of plain tar archives,
            whose contents are to be unpacked.
        most: largest allowed size of all unpacked files together, in bytes.

    Raises:
        ValueError: if the archive is damaged, unsafe, larger than ``most`` or lacks
            some of ``selected``, or if this version of Python cannot unpack safely.
    """
    if not hasattr(tarfile, 'data_filter'):
        raise ValueError(
            f'Python {sys.version.split()[0]} cannot unpack archives safely: use '
            '3.10.12, 3.11.4 or later.'
        )
    place: Place = (lambda name: name) if selected is None else selected.get
    missing, budget = dict(selected or {}), _Budget(most)
    # Compressed archives are streamed: seeking back would unpack from the start.
    mode = 'r|gz' if archive.name.endswith('gz') else 'r:'
    with open_archive(archive, 'unpacking') as (stream, bar):

        def at_file() -> None:
            bar(stream.tell())

        if nested:
            for inner in _inner_archives(stream, mode):
                _extract(inner, 'r:', folder, place, missing, budget, at_file)
        else:
            _extract(stream, mode, folder, place, missing, budget, at_file)
    if missing:
        some = ', '.join(list(missing)[:MAX_LISTED])
        raise ValueError(
            f'{archive} lacks {len(missing):,} of {len(selected or ()):,} files: {some}'
        )


def _extract(
    stream: IO[bytes],
    mode: str,
    folder: Path,
    place: Place,
    missing: dict[str, str],
    budget: _Budget,
    at_file: Callable[[], None],
) -> None:
    """Extract the files that have a place, and remove them from ``missing``."""
    for tar, member in tar_files(stream, mode):
        at_file()
        name = posixpath.normpath(member.name)
        path = place(name)
        if path is None:
            continue
        budget.take(member.size)
        tar.extract(member.replace(name=path, deep=False), folder, filter='data')
        missing.pop(name, None)


def _inner_archives(stream: IO[bytes], mode: str) -> Iterator[IO[bytes]]:
    for tar, member in tar_files(stream, mode):
        inner = tar.extractfile(member)
        assert inner is not None  # regular files have contents
        yield inner


def read_files(source: Path, limit: Limit) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of selected files, with a progress bar.

    Archives are not unpacked to disk. Names have forward slashes, and begin with the
    name of the folder if ``source`` is one. Hidden files are skipped.

    Args:
        source: folder, zip archive, or tar archive, compressed or not.
        limit: function that gives the largest allowed size of a file, or None to skip
            it.

    Raises:
        ValueError: if an archive is damaged, contains links or paths that lead out of
            it, or a selected file is larger than its limit.
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
        raise UnsafeError(f'expected at most {most:,} bytes, but {name!r} has {size:,}')


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
    with byte_bar(f'reading {source}', sum(size for *_, size in found)) as bar:
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
