"""What the samplers share: epochs, ranks, endless streams, starting anywhere."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmgala.datasets.samplers.samples_by_class import SamplesByClass

OVERSAMPLE = 'oversample'


class EpochSampler(Sampler[int]):
    """Base of samplers whose epoch is one sequence, dealt out to the ranks.

    The sequence of an epoch depends on ``seed`` and the epoch alone, not on the ranks:
    rank r of W takes its positions r, r + W, r + 2W, ..., so that all ranks together
    see at each step what one process would.

    Args:
        dataset: with one label per sample; see
            :func:`mmgala.datasets.dataset_labels`.
        num_samples: draws of an epoch, over all ranks. Defaults to the size of the data
            set; ``'oversample'`` is the largest class count times the number of
            classes, as many as let even draws visit all of the largest class.
        seed: of the sequences. Defaults to one that all ranks agree on.
        infinite: epoch after epoch without an end, for ``IterBasedTrainLoop``; there,
            MMEngine resumes without loading what was seen. Never for
            ``EpochBasedTrainLoop``, whose epoch would not end.

    Raises:
        TypeError: if the data set does not tell its labels.
        ValueError: on an invalid ``num_samples``; if the data set is empty, has several
            labels a sample or one out of range.
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
            # MMEngine's IterBasedTrainLoop fast-forwards whatever has a `skip`, by the
            # batches seen times the batch size. For a finite sampler that is wrong: an
            # epoch's last batch may be smaller, or be dropped, and the loop would go on
            # counting epochs from 0. Without `skip` it steps through the batches.
            self.skip = self.start_at

    def epoch_indices(self, epoch: int) -> np.ndarray:
        """Sequence of an epoch, over all ranks: ``(num_samples,)`` indices."""
        rng = np.random.default_rng((self.seed, epoch))
        return self._draw(self.num_samples, epoch, rng)

    def start_at(self, num_samples: int) -> None:
        """Let the next iteration start later, as if it had been interrupted there.

        Args:
            num_samples: samples of this rank to leave out, from the start of the epoch
                or, if infinite, from the start of the training.

        Raises:
            ValueError: if it is negative.
        """
        if num_samples < 0:
            raise ValueError(
                f'Expected `num_samples` to be 0 or more, but got {num_samples}.'
            )
        self._start = num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; an infinite sampler counts itself."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Samples of this rank in an epoch, the same on every rank."""
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
            # Ranks must not differ in length. What is missing is drawn like the rest,
            # so that it has the distribution which was asked for.
            rng = np.random.default_rng((self.seed, self.epoch, 1))
            more = self._draw(missing, self.epoch, rng)
            indices = np.concatenate([indices, more])
        return indices[self.rank :: self.world_size]

    def _stream(self, start: int) -> Iterator[int]:
        """Every ``world_size``-th sample of all epochs, one behind the other."""
        position = start * self.world_size + self.rank
        while True:
            epoch, first = divmod(position, self.num_samples)
            indices = self.epoch_indices(epoch)[first :: self.world_size]
            yield from indices.tolist()
            position += len(indices) * self.world_size

    def _draw(self, length: int, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """Draw ``(length,)`` indices as in this epoch."""
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
