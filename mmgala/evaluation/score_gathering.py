"""Gather the scores of all ranks, block by block."""

from collections.abc import Iterator

import torch
from mmengine.dist import all_gather, all_reduce, get_dist_info
from torch import Tensor

from mmgala.evaluation.score_blocks import FirstScores, ScoreBlocks
from mmgala.evaluation.score_store import ScoreStore
from mmgala.utils.chunks import VALUES_PER_SLICE


def gather_scores(own: ScoreStore, num_samples: int) -> ScoreBlocks:
    """Scores of all ranks on rank 0, in the order of the data set.

    MMEngine gives sample i of the data set to rank ``i % world_size``; the samples
    that pad the last batches are dropped. No rank ever holds more than a block of
    another rank's scores, and no files are shared.

    Args:
        own: scores of this rank's samples.
        num_samples: length of the data set.

    Returns:
        ``(N, C)`` on rank 0; without samples on the others.
    """
    rank, world_size = get_dist_info()
    if world_size == 1:
        return FirstScores(own, num_samples)
    longest, num_classes = _largest(own.shape)
    shortest = -_largest((-len(own),))[0]
    wanted = min(num_samples, shortest * world_size)
    gathered = ScoreStore(own.storage)
    step = max(1, VALUES_PER_SLICE // (max(num_classes, 1) * world_size))
    rows = _rows_of(own, step)
    for start in range(0, longest, step):
        size = min(step, longest - start)
        block = torch.zeros(size, num_classes)
        if len(part := next(rows, block[:0])):
            block[: len(part)] = part
        parts = all_gather(block)
        if rank == 0:
            ordered = torch.stack(parts, dim=1).flatten(0, 1)
            gathered.append(ordered[: max(0, wanted - start * world_size)])
    return gathered


def _largest(values: tuple[int, ...]) -> list[int]:
    """The largest of each value over all ranks."""
    found = torch.tensor(values)
    all_reduce(found, op='max')
    return found.tolist()


def _rows_of(scores: ScoreBlocks, step: int) -> Iterator[Tensor]:
    """All rows, ``step`` at a time; the last part may have fewer."""
    rest = torch.empty(0, scores.shape[1])
    for _, part in scores.parts():
        while len(rest) + len(part) >= step:
            taken = part[: step - len(rest)]
            yield torch.cat([rest, taken])
            rest, part = rest[:0], part[len(taken) :]
        rest = torch.cat([rest, part])
    if len(rest):
        yield rest
