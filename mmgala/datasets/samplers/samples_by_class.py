"""Samples of a data set grouped by class, and random draws from the groups."""

from typing import Any

import numpy as np

from mmgala.datasets.labels import count_classes, dataset_labels


class SamplesByClass:
    """Indices of a data set's samples, class by class.

    Args:
        dataset: see :func:`mmgala.datasets.dataset_labels`. Its classes are those of
            ``metainfo['classes']``, or else those up to the largest label.

    Attributes:
        counts: ``(C,)`` int64, samples of each class.

    Raises:
        TypeError: if the data set does not tell its labels.
        ValueError: if it is empty, has several labels a sample, or one out of range.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        labels = self._checked_labels()
        self.counts = np.bincount(labels, minlength=len(self._class_names()))
        # In the smallest type that holds them, labels are sorted three times as fast.
        labels = labels.astype(np.min_scalar_type(len(self.counts)))
        self._samples = np.argsort(labels, kind='stable')
        self._first = np.cumsum(self.counts) - self.counts

    def require_every_class(self) -> None:
        """Check that no class is empty.

        Raises:
            ValueError: naming the first empty class.
        """
        empty = np.flatnonzero(self.counts == 0)
        if len(empty) == 0:
            return
        names = self._class_names()
        name = f' ({names[empty[0]]})' if names else ''
        raise ValueError(
            f'Expected samples of every class, but class {empty[0]}{name} of '
            f'{type(self._dataset).__name__} has none ({len(empty)} such classes): add '
            'samples, remove the class from `classes`, or draw by '
            "ClassBalancedSampler(mode='instance'), which never draws empty classes."
        )

    def draw(self, draws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw from each class, each of its samples once before any comes again.

        The samples of a class come in a random order, and in another one when all
        were drawn.

        Args:
            draws: ``(C,)`` integers, how many to draw of each class; 0 of empty ones.
            rng: source of the orders.

        Returns:
            ``(draws.sum(),)`` indices: those of class 0, of class 1, and so on.
        """
        classes = np.flatnonzero(draws)
        counts, wanted = self.counts[classes], draws[classes]
        # Whole rounds through each class, as many as are needed, one after the other.
        offered = -(-wanted // counts) * counts
        owner = np.repeat(np.arange(len(classes)), offered)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(offered) - offered, offered)
        member = place % counts[owner]
        # Shuffle within the rounds: all at random, then each back to its round.
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
                f'Expected a data set with samples to draw, but {name} is empty: check '
                'its paths and annotations.'
            )
        labels = dataset_labels(self._dataset)
        if len(labels) != size:
            raise ValueError(
                f'Expected one label per sample, but {name} has {size} samples and '
                f'{len(labels)} labels: shorten an epoch by `num_samples` of the '
                'sampler, not by `num_batch_per_epoch`.'
            )
        num_classes = len(self._class_names()) or labels.max() + 1
        if labels.min() < 0 or labels.max() >= num_classes:
            count_classes(self._dataset)  # raises, and names the sample
        return labels

    def _class_names(self) -> tuple[str, ...]:
        metainfo = getattr(self._dataset, 'metainfo', None) or {}
        return tuple(metainfo.get('classes') or ())
