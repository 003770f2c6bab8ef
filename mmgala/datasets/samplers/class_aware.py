"""Class-aware sampling: all classes in turn, a few samples of each."""

from typing import Any

import numpy as np

from mmgala.datasets.samplers.epoch_sampler import EpochSampler
from mmgala.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ClassAwareSampler(EpochSampler):
    """Classes in a random order, and of each a few samples in a random order.

    Every class comes once before any comes again, and every sample of a class before
    any of its samples comes again; then in a new order. After Shen et al., *Relay
    Backpropagation for Effective Learning of Deep Convolutional Neural Networks*, ECCV
    2016, with several samples at a time as in the decoupled training of Kang et al.,
    ICLR 2020. Unlike theirs, each epoch starts anew from its seed, and it has as many
    draws as the data set has samples: their training loops break off there, too.

    Args:
        dataset: see :class:`EpochSampler`; no class may be empty.
        num_samples_per_class: consecutive samples of a class, 1 or more.
        num_samples: draws of an epoch, over all ranks; ``'oversample'`` is the length
            of the original sampler. Defaults to the size of the data set.
        seed: see :class:`EpochSampler`.
        infinite: see :class:`EpochSampler`.

    Raises:
        TypeError: if the data set does not tell its labels.
        ValueError: if a class has no samples, or an argument is out of range.

    Examples:
        >>> from mmgala.datasets import DigitsDataset
        >>> digits = DigitsDataset()
        >>> sampler = ClassAwareSampler(digits, num_samples_per_class=2, seed=0)
        >>> [digits[i]['gt_label'] for i in list(sampler)[:6]]
        [4, 4, 6, 6, 2, 2]
    """

    def __init__(
        self,
        dataset: Any,
        num_samples_per_class: int = 4,
        num_samples: int | str | None = None,
        seed: int | None = None,
        infinite: bool = False,
    ) -> None:
        if not isinstance(num_samples_per_class, int) or num_samples_per_class < 1:
            raise ValueError(
                'Expected `num_samples_per_class` to be 1 or more, but got '
                f'{num_samples_per_class!r}.'
            )
        super().__init__(dataset, num_samples, seed, infinite)
        self.classes.require_every_class()
        self.num_samples_per_class = num_samples_per_class

    def _draw(self, length: int, epoch: int, rng: np.random.Generator) -> np.ndarray:
        num_classes = len(self.classes.counts)
        turns = -(-length // self.num_samples_per_class)
        cycles = -(-turns // num_classes)
        order = rng.permuted(np.tile(np.arange(num_classes), (cycles, 1)), axis=1)
        classes = np.repeat(order.ravel()[:turns], self.num_samples_per_class)[:length]
        draws = np.bincount(classes, minlength=num_classes)
        indices = np.empty(length, dtype=np.int64)
        # The draws come class by class: each goes to the next place of its class.
        indices[np.argsort(classes, kind='stable')] = self.classes.draw(draws, rng)
        return indices
