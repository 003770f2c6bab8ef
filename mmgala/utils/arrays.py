"""NumPy files, read without pickle and without trusting their headers."""

import math
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

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
    with _members(path) as (archive, found):
        missing = [name for name in required if name not in found]
        if missing:
            raise ValueError(
                f'it lacks {" and ".join(missing)} and has only {[*found]}'
            )
        chosen = found.keys() if names is None else [n for n in names if n in found]
        return {name: _member(archive, found[name]) for name in chosen}


@contextmanager
def _members(
    path: str | Path,
) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """An open ``.npz`` file, and its arrays by name."""
    with open(path, 'rb') as file:
        start = file.read(6)
        if not start.startswith(b'PK'):
            kind = 'a single array, not' if start == NPY_MAGIC else 'not'
            raise ValueError(f'it is {kind} an .npz file')
        with zipfile.ZipFile(file) as archive:
            yield (
                archive,
                {
                    entry.filename.removesuffix('.npy'): entry
                    for entry in archive.infolist()
                    if entry.filename.endswith('.npy')
                },
            )


class RowParts(NamedTuple):
    """A matrix that is read or written some rows at a time.

    Attributes:
        shape: of the whole matrix.
        parts: its rows, in order.
    """

    shape: tuple[int, int]
    parts: Iterable[np.ndarray]


def write_npz(path: str | Path, arrays: Mapping[str, np.ndarray | RowParts]) -> None:
    """Write a compressed ``.npz`` file, as ``numpy.savez_compressed`` does.

    Args:
        path: path of the file.
        arrays: by name; the parts of one that is given in parts are float32.
    """
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f'{name}.npy', 'w', force_zip64=True) as file:
                if not isinstance(array, RowParts):
                    np.lib.format.write_array(file, array, allow_pickle=False)
                    continue
                header = dict(descr='<f4', fortran_order=False, shape=array.shape)
                np.lib.format.write_array_header_1_0(file, header)
                for part in array.parts:
                    file.write(np.ascontiguousarray(part, '<f4').data)


@contextmanager
def open_rows(path: str | Path, name: str, values: int) -> Iterator[RowParts | None]:
    """Open a matrix of an ``.npz`` file, to read it some rows at a time.

    Args:
        path: path of the file.
        name: name of the matrix.
        values: most values of a part, which has at least one row.

    Yields:
        The matrix; None if it is not a floating matrix that is stored row by row.

    Raises:
        Exception: as :func:`read_npz`, also while the parts are read.
    """
    with _members(path) as (archive, found):
        with archive.open(found[name]) as file:
            _check_header(file, found[name].file_size)
        with archive.open(found[name]) as file:
            shape, fortran, kind = _read_header(file)
            if len(shape) != 2 or 0 in shape or fortran or kind.kind != 'f':
                yield None
                return
            yield RowParts((shape[0], shape[1]), _rows(file, shape, kind, values))


def _rows(
    file: IO[bytes], shape: tuple[int, ...], kind: np.dtype, values: int
) -> Iterator[np.ndarray]:
    step = max(1, values // shape[1])
    for start in range(0, shape[0], step):
        rows = min(step, shape[0] - start)
        data = file.read(rows * shape[1] * kind.itemsize)
        yield np.frombuffer(data, kind).reshape(rows, shape[1])


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
    shape, _, dtype = _read_header(file)
    promised, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if not dtype.hasobject and promised != there:
        raise ValueError(
            f'its header promises {promised:,} bytes, but there are {there:,}'
        )


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    read_header: Any = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(file), np.lib.format.read_array_header_2_0)
    return read_header(file)
