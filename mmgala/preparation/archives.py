"""Archives that come from the internet, opened and unpacked safely."""

import gzip
import lzma
import posixpath
import shutil
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
    NotImplementedError,  # for an unknown compression method
)


# Maps a name in the archive to the path to unpack it to, or None to skip it.
Place = Callable[[str], str | None]


class UnsafeError(Exception):
    """An archive has contents that an archive of images never has."""


@contextmanager
def open_archive(archive: Path, action: str) -> Iterator[tuple[IO[bytes], Bar]]:
    """Open an archive with a progress bar, and turn its errors into messages.

    Args:
        archive: file to read.
        action: what is being done with it, for the progress bar.

    Raises:
        ValueError: if reading shows that the archive is damaged or not safe.
    """
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
    """Regular files of a tar archive in its order, with the open archive.

    Raises:
        UnsafeError: on a link, a device, or a name that leads out of the folder.
        tarfile.TarError: if the archive is damaged; also other errors of
            :data:`DAMAGED`.
    """
    # mypy knows tarfile.open by literal modes alone.
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


def gunzip(archive: Path, path: Path) -> None:
    """Unpack one file that is compressed with gzip.

    Raises:
        ValueError: if the archive is damaged.
    """
    with (
        open_archive(archive, 'unpacking') as (stream, _),
        gzip.open(stream) as unpacked,
        open(path, 'wb') as file,
    ):
        shutil.copyfileobj(unpacked, file)


def untar(
    archive: Path,
    folder: Path,
    selected: Mapping[str, str] | None = None,
    nested: bool = False,
) -> None:
    """Unpack files of a tar archive, compressed by gzip or not.

    An archive of images holds files and folders. Anything else in it (links, devices,
    names that lead out of ``folder``) is refused.

    Args:
        archive: its name ends in ``.gz`` if it is compressed.
        folder: to unpack to.
        selected: the files to unpack, name in the archive -> path below ``folder``.
            By default all files, under their own names.
        nested: the archive, not compressed, consists of plain tar archives; unpack
            what these contain.

    Raises:
        ValueError: if the archive is damaged, lacks some of ``selected`` or is not
            safe to unpack, or if this Python cannot unpack safely.
    """
    if not hasattr(tarfile, 'data_filter'):
        raise ValueError(
            f'Python {sys.version.split()[0]} cannot unpack archives safely: use '
            '3.10.12, 3.11.4 or later.'
        )
    place: Place = (lambda name: name) if selected is None else selected.get
    missing = dict(selected or {})
    # Compressed archives are streamed: seeking back would unpack from the start.
    mode = 'r|gz' if archive.name.endswith('gz') else 'r:'
    with open_archive(archive, 'unpacking') as (stream, bar):

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
            f'{archive} lacks {len(missing):,} of {len(selected or ()):,} files: {some}'
        )


def _extract(
    stream: IO[bytes],
    mode: str,
    folder: Path,
    place: Place,
    missing: dict[str, str],
    at_file: Callable[[], None],
) -> None:
    """Extract the files that have a place, and remove them from ``missing``."""
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
