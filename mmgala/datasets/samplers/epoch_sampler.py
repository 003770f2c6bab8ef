"""Base class of epoch-seeded, distributed and resumable samplers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmgala.datasets.samplers.samples_by_class import SamplesByClass

OVERSAMPLE = 'oversample'


class EpochSampler(Sampler[int]):
    """Base class of samplers that split one sequence per epoch among the ranks.

    The sequence depends only on ``seed`` and the epoch, not on the number of ranks:
    rank r of W takes positions r, r + W, r + 2W, ... of it, so in each step all ranks
    together draw the samples that a single process would.

    Args:
        dataset: single-label data set; see :func:`mmgala.datasets.dataset_labels`.
        num_samples: number of draws per epoch over all ranks. Defaults to the size of
            the data set; ``'oversample'`` is the largest class count times the number
            of classes, so that class-balanced draws cover all samples.
        seed: seed of the sequences. Defaults to a random one shared by all ranks.
        infinite: whether to continue with the next epoch forever, as
            ``IterBasedTrainLoop`` requires; MMEngine then resumes without loading the
            samples seen before. Do not use it with ``EpochBasedTrainLoop``, whose first
            epoch would never end.

    Raises:
        TypeError: if the data set does not expose its labels.
        ValueError: if ``num_samples`` is invalid, the data set is empty, or samples
            have several labels or one out of range.
    """

    def __init__(
        self,
        dataset: Any,
        num_samples: int | str | None = None,
        seed: int | None = None,
        infinite: bool = False,
    ) -> None:
        self.dataset = dataset
        self.rank, self.world_size = get_dist_info()
        self.classes = SamplesByClass(dataset)
        self.num_samples = _samples_per_epoch(num_samples, self.classes.counts)
        self.seed: int = sync_random_seed() if seed is None else seed
        self.infinite = infinite
        self.epoch = 0
        self._start = 0
        if infinite:
            # MMEngine's IterBasedTrainLoop calls `skip`, where it exists, with the
            # number of past batches times the batch size. That is wrong for a finite
            # sampler, whose epochs may end with a smaller or dropped batch, and the
            # loop would count epochs from 0. Without `skip` it replays the batches.
            self.skip = self.start_at

    def epoch_indices(self, epoch: int) -> np.ndarray:
        """Indices drawn in an epoch over all ranks: ``(num_samples,)``."""
        rng = np.random.default_rng((self.seed, epoch))
        return self._draw(self.num_samples, epoch, rng)

    def start_at(self, num_samples: int) -> None:
        """Start the next iteration at a later position, to resume training.

        Args:
            num_samples: number of samples of this rank to skip, from the start of the
                epoch or, if infinite, of the training.

        Raises:
            ValueError: if ``num_samples`` is negative.
        """
        if num_samples < 0:
            raise ValueError(
                f'Expected `num_samples` to be 0 or more, but got {num_samples}.'
            )
        self._start = num_samples

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration; infinite samplers ignore it."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of samples per epoch and rank, equal for all ranks."""
        return -(-self.num_samples // self.world_size)

    def __iter__(self) -> Iterator[int]:
        start, self._start = self._start, 0
        if self.infinite:
            return self._stream(start)
        return iter(self._epoch_of_rank()[start:].tolist())

    def _epoch_of_rank(self) -> np.ndarray:
        indices = self.epoch_indices(self.epoch)
        missing = len(self) * self.world_size - self.num_samples
        if missing:
            # All ranks need equally many samples. The additional ones are drawn in the
            # same way, to keep the distribution.
            rng = np.random.default_rng((self.seed, self.epoch, 1))
            more = self._draw(missing, self.epoch, rng)
            indices = np.concatenate([indices, more])
        return indices[self.rank :: self.world_size]

    def _stream(self, start: int) -> Iterator[int]:
        """This rank's samples of one epoch after the other."""
        position = start * self.world_size + self.rank
        while True:
            epoch, first = divmod(position, self.num_samples)
            indices = self.epoch_indices(epoch)[first :: self.world_size]
            yield from indices.tolist()
            position += len(indices) * self.world_size

    def _draw(self, length: int, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """Draw ``(length,)`` indices with the distribution of this epoch."""
        raise NotImplementedError


def _samples_per_epoch(num_samples: int | str | None, counts: np.ndarray) -> int:
    if num_samples is None:
        return int(counts.sum())
    if num_samples == OVERSAMPLE:
        return int(counts.max()) * len(counts)
    if not isinstance(num_samples, int) or num_samples < 1:
        raise ValueError(
            f'Expected `num_samples` to be 1 or more, {OVERSAMPLE!r} or None, but got '
            f'{num_samples!r}.'
        )
    return num_samples
