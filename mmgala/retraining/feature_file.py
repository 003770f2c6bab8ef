"""Features on disk: one row a sample, read and written in batches."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from torch import Tensor

DTYPE = np.dtype('<f4')


class FeatureFile:
    """Rows of a two-dimensional float32 ``.npy`` file, read on access.

    The file is read, not memory-mapped: every page of a mapped file that was touched
    counts as memory of the process, and the system maps up to 2 MB around each row, so
    that one random batch would bring in most of the file.

    Args:
        path: ``.npy`` file.

    Raises:
        ValueError: if it holds anything else.

    Attributes:
        shape: ``(N, D)``.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, 'rb', buffering=0)  # noqa: SIM115  # for many reads
        if np.lib.format.read_magic(self._file) != (1, 0):
            raise ValueError(f'{path} is not a .npy file of version 1.0.')
        header = np.lib.format.read_array_header_1_0(self._file)
        self.shape, fortran_order, dtype = header
        if len(self.shape) != 2 or fortran_order or dtype != DTYPE:
            raise ValueError(
                f'Expected {path} to hold float32 rows, but it has {header}.'
            )
        self._start = self._file.tell()
        self._row_bytes = self.shape[1] * DTYPE.itemsize
        size = self._start + self.shape[0] * self._row_bytes
        if path.stat().st_size != size:
            raise ValueError(f'{path} is truncated: delete it.')

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        """Rows ``(n, D)`` float32, by a slice without a step or ``(n,)`` indices."""
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            rows = np.empty((stop - start, self.shape[1]), DTYPE)
            self._read(rows, start)
            return rows
        rows = np.empty((len(index), self.shape[1]), DTYPE)
        for row, place in zip(rows, index.tolist(), strict=True):
            self._read(row, place)
        return rows

    def _read(self, rows: np.ndarray, first: int) -> None:
        """Fill an array from the file, beginning at row ``first``."""
        self._file.seek(self._start + first * self._row_bytes)
        view = rows.reshape(-1).view(np.uint8).data
        while view:
            done = self._file.readinto(view)
            if not done:
                raise ValueError(f'{self._file.name} is truncated: delete it.')
            view = view[done:]

    def __del__(self) -> None:
        if hasattr(self, '_file'):
            self._file.close()


Features = FeatureFile | Tensor


def write_rows(
    path: Path, shape: tuple[int, int], batches: Iterable[np.ndarray]
) -> None:
    """Write a float32 ``.npy`` file batch by batch.

    The file is written, not memory-mapped: a full disk is then an error, where a write
    to a mapped page would kill the process.

    Args:
        path: of the file.
        shape: ``(N, D)`` of all batches together.
        batches: ``(n, D)`` each.

    Raises:
        OSError: if the disk is full.
        ValueError: if the batches do not add up to N rows of D values.
    """
    header = dict(descr=DTYPE.str, fortran_order=False, shape=shape)
    written = 0
    with open(path, 'wb') as file:
        np.lib.format.write_array_header_1_0(file, header)
        for batch in batches:
            if batch.ndim != 2 or batch.shape[1] != shape[1]:
                raise ValueError(
                    f'Expected one feature of {shape[1]} values per sample, but got '
                    f'shape {batch.shape}: name another layer with --layer.'
                )
            file.write(np.ascontiguousarray(batch, DTYPE).data)
            written += len(batch)
    if written != shape[0]:
        raise ValueError(f'Expected {shape[0]} samples, but got {written}.')
