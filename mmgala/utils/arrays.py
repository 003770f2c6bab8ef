"""NumPy files, read without pickle and without trusting their headers."""

import math
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np

NPY_MAGIC = b'\x93NUMPY'
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    OverflowError,
    RuntimeError,
    NotImplementedError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What damaged files raise; :func:`read_npz` and :func:`read_npy` raise some of it."""


def read_npz(
    path: str | Path,
    names: Collection[str] | None = None,
    required: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """Read arrays of an ``.npz`` file.

    Args:
        path: path of the file.
        names: arrays to read, as far as they are there. Defaults to all.
        required: arrays that must be there, whether they are read or not.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if the file is another kind, lacks arrays, has pickled objects, or a
            header that promises more than the file contains.
        Exception: other errors of :data:`UNREADABLE` if it is damaged.
    """
    with open(path, 'rb') as file:
        start = file.read(6)
        if not start.startswith(b'PK'):
            kind = 'a single array, not' if start == NPY_MAGIC else 'not'
            raise ValueError(f'it is {kind} an .npz file')
        with zipfile.ZipFile(file) as archive:
            found = {
                entry.filename.removesuffix('.npy'): entry
                for entry in archive.infolist()
                if entry.filename.endswith('.npy')
            }
            missing = [name for name in required if name not in found]
            if missing:
                raise ValueError(
                    f'it lacks {" and ".join(missing)} and has only {[*found]}'
                )
            chosen = found.keys() if names is None else [n for n in names if n in found]
            return {name: _member(archive, found[name]) for name in chosen}


def read_npy(path: str | Path) -> np.ndarray:
    """Read an ``.npy`` file; see :func:`read_npz`."""
    with open(path, 'rb') as file:
        _check_header(file, Path(path).stat().st_size)
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(entry) as file:
        _check_header(file, entry.file_size)
    with archive.open(entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _check_header(file: IO[bytes], size: int) -> None:
    """Check that there is as much data as the header says, before memory is taken."""
    read_header: Any = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(file), np.lib.format.read_array_header_2_0)
    shape, _, dtype = read_header(file)
    promised, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if not dtype.hasobject and promised != there:
        raise ValueError(
            f'its header promises {promised:,} bytes, but there are {there:,}'
        )
