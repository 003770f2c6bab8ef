"""A place for the scores of a data set while they are predicted.

The scores of N samples and C classes take 4 N C bytes. A store keeps them in memory or
in a temporary file, as they are or in half precision, and gives them back in blocks.
"""

import math
import mmap
import os
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

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
    def of(cls, scores: Tensor, logarithms: Tensor | None = None) -> 'Packed':
        """Pack scores ``(n, C)`` float32; ``logarithms`` is memory for as many.

        The logarithm is kept, as half precision has no numbers below 6e-8 (few classes
        of many have more), and relative to the largest score, as it has most digits
        near 0. So the largest score is exact, and unequal scores near it stay unequal;
        others are off by up to 0.05 % for each unit of their logarithm.
        """
        largest = scores.amax(dim=1, keepdim=True)
        relative = torch.log(scores, out=logarithms).sub_(largest.log())
        return cls(largest, empty(relative.shape, torch.float16).copy_(relative))

    def scores(self, out: Tensor) -> Tensor:
        """The scores again, in ``out``, ``(n, C)`` float32."""
        return out.copy_(self.relative).exp_().mul_(self.largest)


def empty(shape: tuple[int, ...], kind: torch.dtype = torch.float32) -> Tensor:
    """A tensor in pages of its own, outside the heap, which it cannot fragment."""
    if not math.prod(shape):  # there are no maps and no buffers of 0 bytes
        return torch.empty(shape, dtype=kind)
    size = math.prod(shape) * torch.empty(0, dtype=kind).element_size()
    return torch.frombuffer(mmap.mmap(-1, size), dtype=kind).view(shape)


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
        self._logarithms: Tensor | None = None

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
                self._open = empty(self._sizes)
            taken = scores[: self._rows_per_block - self._filled]
            self._open[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            scores = scores[len(taken) :]
            if self._filled == self._rows_per_block:
                self._seal()

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Rows and their scores; a block is valid until the next one is read."""
        starts = range(0, self._stored, self._rows_per_block or 1)
        space = empty(self._sizes)
        kind = torch.float16 if self._is_half else torch.float32
        packed = Packed(empty((self._rows_per_block, 1)), empty(self._sizes, kind))
        for index, start in enumerate(starts):
            block = self._block(index, space, packed)
            yield slice(start, start + self._rows_per_block), block
        if self._open is not None and self._filled:
            rest = self._open[: self._filled]
            if self._is_half:
                rest = Packed.of(rest).scores(space[: self._filled])
            yield slice(self._stored, len(self)), rest

    @property
    def _is_half(self) -> bool:
        return self.storage.startswith('half')

    def _seal(self) -> None:
        """Store the open block, which is full."""
        assert self._open is not None
        values: Tensor | Packed = self._open
        if self._is_half:
            if self._logarithms is None:
                self._logarithms = empty(self._sizes)
            values = Packed.of(self._open, self._logarithms)
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

    def _block(self, index: int, space: Tensor, packed: Packed) -> Tensor:
        """A full block, which may be written to ``space``."""
        if self._file is None:
            block = self._blocks[index]
            return block.scores(space) if isinstance(block, Packed) else block
        start = index * bytes_of(*self._sizes, self.storage)
        if not self._is_half:
            self._read(start, space)
            return space
        for tensor in packed:
            start += self._read(start, tensor)
        return packed.scores(space)

    def _read(self, start: int, out: Tensor) -> int:
        """Fill a tensor from the file; return its number of bytes."""
        assert self._file is not None
        self._file.flush()
        view = out.numpy().data.cast('B')
        done = 0
        while done < len(view):  # a system call reads at most 2 GiB
            read = os.preadv(self._file.fileno(), [view[done:]], start + done)
            if not read:
                raise OSError('The temporary file of the scores ends too early.')
            done += read
        return done

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
