"""Files and folders that appear complete or not at all, and locks."""

import errno
import glob
import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

CHUNK_BYTES = 1 << 20
MAX_TEXT_BYTES = 4 << 30
MAX_TEXT_VARIABLE = 'MMGALA_MAX_TEXT_BYTES'
UNFINISHED = '.partial'  # suffix of the private folders of `replacing`
LOCK = '.lock'  # in a work directory
WRITTEN_BY_TRAININGS = (
    *('*.pth', '*.py', 'last_checkpoint'),
    *('*/vis_data/*', 'gradient_statistics/*'),
)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_LOCKS = (
    errno.ENOLCK,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
)  # of some network file systems


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file or a folder that takes its final name only when it is complete.

    The content is first written to a new private folder next to ``path``, so that the
    final rename stays within one file system and follows no links of others. If the
    block raises, nothing is left behind and an existing ``path`` is unchanged.

    Args:
        path: final name. Missing parent folders are created. An existing file is
            replaced; an existing folder must be empty.

    Yields:
        Path to write to, with the same file name. It does not exist yet.

    Raises:
        OSError: if the folder is not writable.

    Examples:
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(f'{folder}/scores.npz') as unfinished:
        ...         np.savez(unfinished, scores=np.zeros(3))
        ...     print(os.listdir(folder))
        ['scores.npz']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f'.{path.name}.', suffix=UNFINISHED, dir=path.parent
    ) as folder:
        unfinished = Path(folder) / path.name
        try:
            yield unfinished
            _flush(unfinished)
        except OSError as error:
            if error.errno in NO_ROOM and error.filename is None:
                error.filename = str(path)  # which the system does not know
            raise
        os.replace(unfinished, path)
        _flush_entry(path.parent)


def _flush(path: Path) -> None:
    """Write a file, or all files of a folder, from the system's memory to the disk.

    Otherwise a power failure could leave the new name with no content.
    """
    for file in path.rglob('*') if path.is_dir() else (path,):
        if file.is_file():
            _flush_entry(file)


def _flush_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems cannot flush folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_writable(path: str | Path) -> None:
    """Check that a file can be written, before the work whose result it will hold.

    Args:
        path: file to write later; missing parent folders will be created.

    Raises:
        IsADirectoryError: if it is a folder.
        NotADirectoryError: if a parent is a file.
        PermissionError: if nothing can be created in its folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f'{path} is a folder: choose another name.')
    folder = next(p for p in path.absolute().parents if os.path.lexists(p))
    if not folder.is_dir():
        raise NotADirectoryError(
            f'{path} cannot be written, as {folder} is not a folder: choose another '
            'name.'
        )
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PermissionError(
            f'{path} cannot be written ({error.strerror}: {folder}): choose another '
            'name.'
        ) from error


def check_readable(path: str | Path) -> None:
    """Check that a file can be read as a whole: it ends, and fits into memory.

    The largest size is 4 GiB, or ``MMGALA_MAX_TEXT_BYTES`` of the environment.

    Raises:
        FileNotFoundError: if it does not exist.
        ValueError: if it is a pipe or a device, or too large.
    """
    path = Path(path)
    if not path.is_file():
        if path.exists() and not path.is_dir():
            raise ValueError(
                f'{path} is a pipe or a device, or a link to one: pass a regular file.'
            )
        raise FileNotFoundError(f'{path}: no such file.')
    most = int(os.environ.get(MAX_TEXT_VARIABLE, MAX_TEXT_BYTES))
    if path.stat().st_size > most:
        raise ValueError(
            f'{path} has {path.stat().st_size:,} bytes, but at most {most:,} are read: '
            f'check that it is the right file, or set {MAX_TEXT_VARIABLE}.'
        )


def read_bytes(path: str | Path) -> bytes:
    """Read a whole file after :func:`check_readable`."""
    check_readable(path)
    return Path(path).read_bytes()


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file, complete or not at all; parent folders are created."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding='utf-8')


def write_json(path: str | Path, content: Any) -> None:
    """Write an indented JSON file, complete or not at all."""
    write_text(path, json.dumps(content, indent=1) + '\n')


def remove_unfinished(path: str | Path) -> None:
    """Remove what killed processes left of ``path``; call it while holding the lock."""
    path = Path(path)
    for folder in path.parent.glob(f'.{glob.escape(path.name)}.*{UNFINISHED}'):
        shutil.rmtree(folder)


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left in a folder.

    This is for folders in which every ``NAME`` is written while holding the lock
    ``.NAME.lock``: what another process is writing stays.
    """
    for left in folder.glob(f'.*{UNFINISHED}'):
        name = left.name[1:].removesuffix(UNFINISHED).rpartition('.')[0]
        with suppress(BlockingIOError), locked(folder / f'.{name}.lock', 'in use'):
            shutil.rmtree(left, ignore_errors=True)


class UnlockedWarning(UserWarning):
    """A file system has no locks."""


@contextmanager
def locked(path: Path, busy: str | None = None) -> Iterator[None]:
    """Keep other processes out while the block runs.

    The lock is released when its process ends, even if that is killed.

    Args:
        path: path of the lock file, which is removed afterwards. Missing parent folders
            are created.
        busy: error message if another process holds the lock. By default, wait for that
            process.

    Raises:
        BlockingIOError: if another process holds the lock and ``busy`` is given.
        OSError: if the lock file cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, blocking=busy is None)
    try:
        lock.acquire()
        while not _names_locked_file(path, lock):  # another process has removed it
            lock.release()
            lock.acquire()
    except Timeout:
        raise BlockingIOError(busy) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f'The file system of {path} has no locks: nothing keeps a second process '
            'out.',
            UnlockedWarning,
            stacklevel=3,
        )
        yield
        return
    with lock:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _names_locked_file(path: Path, lock: FileLock) -> bool:
    """Whether ``path`` still is the file that was locked, not removed meanwhile.

    Otherwise, a process that has waited for a removed file and one that has created it
    again could both enter.
    """
    descriptor = getattr(lock, '_context').lock_file_fd  # noqa: B009
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
    except TypeError:  # a lock of another kind, without an open file
        return True


@contextmanager
def locked_folders(*folders: str | Path) -> Iterator[None]:
    """Keep other trainings and comparisons out of work directories.

    What killed trainings left of files that they were writing is removed.

    Raises:
        BlockingIOError: if another process holds the lock of one of them.
    """
    with ExitStack() as locks:
        for folder in folders:
            busy = (
                f'Another training or comparison is running in {folder}: wait for it, '
                'or choose another --work-dir.'
            )
            check_writable(Path(folder, LOCK))
            locks.enter_context(locked(Path(folder, LOCK), busy))
            for pattern in WRITTEN_BY_TRAININGS:
                place, name = os.path.split(pattern)
                unfinished = os.path.join(place, f'.{name}.*{UNFINISHED}')
                for left in Path(folder).glob(unfinished):
                    shutil.rmtree(left)
        yield


def read_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of a binary file, one megabyte at a time."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def file_digest(path: str | Path) -> str:
    """SHA-256 digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for chunk in read_chunks(file):
            digest.update(chunk)
    return digest.hexdigest()
