"""A place for the scores of a data set while they are predicted.

The scores of N samples and C classes take 4 N C bytes. A store keeps them in memory or
in a temporary file, as they are or in half precision, and gives them back in blocks.
"""

import math
import os
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmgala.evaluation.score_blocks import ScoreBlocks
from mmgala.functional.rebalance import check_scores
from mmgala.names import SCORE_STORAGE
from mmgala.utils.chunks import VALUES_PER_SLICE

AUTO_MEMORY = 2**28
"""Bytes that ``storage='auto'`` keeps in memory; more go into a file."""


class Packed(NamedTuple):
    """Scores of a block in half precision.

    Attributes:
        largest: largest score of each row, ``(n, 1)`` float32.
        relative: logarithm of each score divided by it, ``(n, C)`` float16.
    """

    largest: Tensor
    relative: Tensor

    @classmethod
    def of(cls, scores: Tensor) -> 'Packed':
        """Pack scores ``(n, C)`` float32.

        The logarithm is kept, as half precision has no numbers below 6e-8 (few classes
        of many have more), and relative to the largest score, as it has most digits
        near 0. So the largest score is exact, and unequal scores near it stay unequal;
        others are off by up to 0.05 % for each unit of their logarithm.
        """
        largest = scores.amax(dim=1, keepdim=True)
        relative = scores.log().sub_(largest.log())
        return cls(largest, relative.half())

    def scores(self) -> Tensor:
        """The scores again, ``(n, C)`` float32."""
        return self.relative.float().exp_().mul_(self.largest)


class ScoreStore(ScoreBlocks):
    """Scores that are added batch by batch, and then read in blocks.

    Args:
        storage: one of ``mmgala.names.SCORE_STORAGE``. ``'memory'`` and ``'file'`` are
            exact; the file is temporary, in the folder that ``TMPDIR`` names, and
            vanishes with the process. ``'half'`` and ``'half-file'`` need half the
            bytes, see :meth:`Packed.of`. ``'auto'`` is ``'memory'`` up to 256 MiB,
            and then ``'file'``.

    Raises:
        ValueError: if ``storage`` has another value.

    Examples:
        >>> store = ScoreStore()
        >>> store.append(torch.tensor([[0.9, 0.1]]))
        >>> store.append(torch.tensor([[0.7, 0.3]]))
        >>> store.shape
        (2, 2)
        >>> next(store.parts())
        (slice(0, 2, None), tensor([[0.9000, 0.1000],
                [0.7000, 0.3000]]))
    """

    def __init__(self, storage: str = 'auto') -> None:
        check_storage(storage)
        self.storage = storage
        self._rows_per_block = 0
        self._num_classes = 0
        self._blocks: list[Tensor | Packed] = []
        self._file: IO[bytes] | None = None
        self._stored = 0  # rows that are in blocks or in the file
        self._open: Tensor | None = None  # the last block, which is not yet full
        self._filled = 0

    @property
    def shape(self) -> tuple[int, int]:
        """N and C."""
        return self._stored + self._filled, self._num_classes

    def append(self, scores: Tensor) -> None:
        """Add scores of the next samples, ``(n, C)``.

        Raises:
            ValueError: if the number of classes differs from that of earlier samples,
                or if storage in half precision is given other values than
                probabilities.
            OSError: if the file has no room.
        """
        if not self._num_classes:
            self._num_classes = scores.shape[1]
            self._rows_per_block = max(1, VALUES_PER_SLICE // scores.shape[1])
        if scores.shape[1] != self._num_classes:
            raise ValueError(
                f'Expected scores of {self._num_classes} classes, as in earlier '
                f'batches, but got {scores.shape[1]}.'
            )
        if self._is_half:
            check_scores(scores)
        while len(scores):
            if self._open is None:
                self._open = torch.empty(self._rows_per_block, self._num_classes)
            taken = scores[: self._rows_per_block - self._filled]
            self._open[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            scores = scores[len(taken) :]
            if self._filled == self._rows_per_block:
                self._seal()

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Rows and their scores, in blocks of up to 4 million values."""
        starts = range(0, self._stored, self._rows_per_block or 1)
        for index, start in enumerate(starts):
            yield slice(start, start + self._rows_per_block), self._block(index)
        if self._open is not None and self._filled:
            rest = self._open[: self._filled]
            if self._is_half:
                rest = Packed.of(rest).scores()
            yield slice(self._stored, len(self)), rest

    @property
    def _is_half(self) -> bool:
        return self.storage.startswith('half')

    def _seal(self) -> None:
        """Store the open block, which is full."""
        assert self._open is not None
        values: Tensor | Packed = self._open
        if self._is_half:
            values = Packed.of(self._open)
        if self._file is None and self._belongs_in_file(self._open.numel() * 4):
            # Open as long as the store is in use; then the system removes it.
            self._file = tempfile.TemporaryFile(prefix='mmgala-scores-')  # noqa: SIM115
            while self._blocks:
                self._write(self._blocks.pop(0))
        if self._file is None:
            self._blocks.append(values)
            if not self._is_half:
                self._open = None  # it is the block now
        else:
            self._write(values)
        self._stored += self._filled
        self._filled = 0

    def _belongs_in_file(self, block_bytes: int) -> bool:
        if self.storage == 'auto':
            return (len(self._blocks) + 1) * block_bytes > AUTO_MEMORY
        return self.storage.endswith('file')

    def _write(self, values: Tensor | Packed) -> None:
        assert self._file is not None
        for tensor in values if isinstance(values, Packed) else (values,):
            self._file.write(tensor.numpy().data)

    def _block(self, index: int) -> Tensor:
        if self._file is None:
            block = self._blocks[index]
            return block.scores() if isinstance(block, Packed) else block
        self._file.flush()
        rows, classes = self._rows_per_block, self._num_classes
        if not self._is_half:
            return torch.from_numpy(self._read(index, 0, (rows, classes), np.float32))
        largest = self._read(index, 0, (rows, 1), np.float32)
        relative = self._read(index, largest.nbytes, (rows, classes), np.float16)
        return Packed(torch.from_numpy(largest), torch.from_numpy(relative)).scores()

    def _read(
        self, index: int, offset: int, shape: tuple[int, int], kind: type[np.generic]
    ) -> np.ndarray:
        """Part of a block of the file."""
        assert self._file is not None
        values = np.empty(shape, kind)
        start = index * bytes_of(*self._sizes, self.storage) + offset
        view = values.data.cast('B')
        done = 0
        while done < len(view):  # a system call reads at most 2 GiB
            read = os.preadv(self._file.fileno(), [view[done:]], start + done)
            if not read:
                raise OSError('The temporary file of the scores ends too early.')
            done += read
        return values

    @property
    def _sizes(self) -> tuple[int, int]:
        return self._rows_per_block, self._num_classes


def check_storage(storage: str) -> None:
    """Check a way to store scores.

    Raises:
        ValueError: if it is not one of ``SCORE_STORAGE``.
    """
    if storage not in SCORE_STORAGE:
        raise ValueError(
            f'Expected `storage` to be one of {", ".join(SCORE_STORAGE)}, but got '
            f'{storage!r}.'
        )


def bytes_of(num_samples: int, num_classes: int, storage: str) -> int:
    """Bytes that a store of so many scores takes, in memory or in its file."""
    if storage.startswith('half'):
        return num_samples * (4 + 2 * num_classes)
    return math.prod((4, num_samples, num_classes))
