"""Random draws of a given number of samples from each class."""

from typing import Any

import numpy as np

from mmgala.datasets.labels import class_names, count_classes, dataset_labels


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
