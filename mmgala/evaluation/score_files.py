"""Scores in files of :class:`mmgala.evaluation.ScoreDump`."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmgala.evaluation.score_blocks import ScoreBlocks, WholeScores
from mmgala.evaluation.score_room import check_room
from mmgala.evaluation.score_store import AUTO_MEMORY, ScoreStore, bytes_of
from mmgala.evaluation.tau_winners import VALUES_AT_ONCE
from mmgala.utils.arrays import open_rows, read_npz

SCORES_KEY = 'pred_score'


class FileScores(ScoreBlocks):
    """Scores of a file, which are read when they are needed.

    The file is compressed, so it is read once from the beginning to the end, into a
    :class:`mmgala.evaluation.score_store.ScoreStore`: in memory up to 256 MiB, and
    larger scores in a temporary file.

    Args:
        path: ``.npz`` file with ``pred_score`` ``(N, C)``.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path

    @property
    def shape(self) -> tuple[int, int]:
        """N and C."""
        return self._scores.shape

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Rows and their scores."""
        return self._scores.parts()

    @cached_property
    def _scores(self) -> ScoreBlocks:
        stored = read_scores_in_blocks(self._path)
        if stored is None:  # an unusual form: transposed, or no matrix at all
            whole = read_npz(self._path, (SCORES_KEY,))[SCORES_KEY]
            stored = WholeScores(whole)
        return stored


def read_scores_in_blocks(path: str | Path) -> ScoreBlocks | None:
    """Read the scores of a file without ever holding all of them in memory.

    Returns:
        The scores, as float32; None if they are not a floating matrix with samples
        and classes that is stored row by row.

    Raises:
        Exception: as :func:`mmgala.utils.arrays.read_npz`.
    """
    read_npz(path, (), (SCORES_KEY,))  # they must be there
    with open_rows(path, SCORES_KEY, VALUES_AT_ONCE) as scores:
        if scores is None:
            return None
        check_room(*scores.shape, ['auto'])
        is_large = bytes_of(*scores.shape, 'file') > AUTO_MEMORY
        store = ScoreStore('file' if is_large else 'memory')
        for part in scores.parts:
            store.append(torch.from_numpy(part.astype(np.float32)))
        return store
