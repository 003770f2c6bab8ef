"""Base class of samplers that are seeded by epoch, distributed and resumable."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmgala.datasets.labels import class_names, count_classes, dataset_labels

OVERSAMPLE = 'oversample'


class SamplesByClass:
    """Indices of a data set's samples, grouped by class.

    Args:
        dataset: single-label data set; see :func:`mmgala.datasets.dataset_labels`. The
            number of classes is that of ``metainfo['classes']`` or, without those, the
            largest label plus one.

    Attributes:
        counts: ``(C,)`` int64 number of samples per class.

    Raises:
        TypeError: if the data set does not expose its labels.
        ValueError: if it is empty, or samples have several labels or one out of range.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        labels = self._checked_labels()
        self.counts = np.bincount(labels, minlength=len(class_names(self._dataset)))
        # Sorting is three times as fast with the smallest sufficient integer type.
        labels = labels.astype(np.min_scalar_type(len(self.counts)))
        self._samples = np.argsort(labels, kind='stable')
        self._first = np.cumsum(self.counts) - self.counts

    def require_every_class(self) -> None:
        """Check that no class is empty.

        Raises:
            ValueError: if a class is empty; the message names the first.
        """
        empty = np.flatnonzero(self.counts == 0)
        if len(empty) == 0:
            return
        names = class_names(self._dataset)
        name = f' ({names[empty[0]]})' if names else ''
        raise ValueError(
            f'Expected samples of every class, but class {empty[0]}{name} of '
            f'{type(self._dataset).__name__} has none (empty classes: {len(empty)}): '
            'add samples, remove the class from `classes`, or use '
            "ClassBalancedSampler(mode='instance'), which never draws empty classes."
        )

    def draw(self, draws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw samples of each class in random order, without repeats until exhausted.

        When all samples of a class have been drawn, they are shuffled again.

        Args:
            draws: ``(C,)`` number of samples to draw per class; 0 for empty classes.
            rng: random generator of the orders.

        Returns:
            ``(draws.sum(),)`` sample indices, sorted by class.
        """
        classes = np.flatnonzero(draws)
        counts, wanted = self.counts[classes], draws[classes]
        # Enough whole rounds through each class, concatenated.
        offered = -(-wanted // counts) * counts
        owner = np.repeat(np.arange(len(classes)), offered)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(offered) - offered, offered)
        member = place % counts[owner]
        # Shuffle within rounds: permute everything, then sort stably by round.
        order = rng.permutation(len(owner))
        rounds = np.cumsum(member == 0, dtype=np.int32)
        order = order[np.argsort(rounds[order], kind='stable')]
        drawn = order[place < wanted[owner]]
        return self._samples[self._first[classes][owner[drawn]] + member[drawn]]

    def _checked_labels(self) -> np.ndarray:
        name = type(self._dataset).__name__
        size = len(self._dataset)
        if size == 0:
            raise ValueError(
                f'Expected a data set with samples, but {name} is empty: check its '
                'paths and annotations.'
            )
        labels = dataset_labels(self._dataset)
        if len(labels) != size:
            raise ValueError(
                f'Expected one label per sample, but {name} has {size} samples and '
                f'{len(labels)} labels: to shorten an epoch, set `num_samples` of the '
                'sampler instead of `num_batch_per_epoch`.'
            )
        num_classes = len(class_names(self._dataset)) or labels.max() + 1
        if labels.min() < 0 or labels.max() >= num_classes:
            count_classes(self._dataset)  # raises an error that names the sample
        return labels


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
        self._wanted = num_samples
        self.reload_labels()
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

    def reload_labels(self) -> None:
        """Read the labels of the data set, again after they were changed."""
        self.classes = SamplesByClass(self.dataset)
        self.num_samples = _samples_per_epoch(self._wanted, self.classes.counts)

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
