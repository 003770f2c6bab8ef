"""Files and folders that appear complete or not at all, and locks."""

import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

CHUNK_BYTES = 1 << 20
MAX_TEXT_BYTES = 4 << 30
MAX_TEXT_VARIABLE = 'MMGALA_MAX_TEXT_BYTES'
UNFINISHED = '.partial'  # suffix of the private folders of `replacing`


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
        yield unfinished
        os.replace(unfinished, path)


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
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path, blocking=busy is None).acquire()
    except Timeout:
        raise BlockingIOError(busy) from None
    with lock:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


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
