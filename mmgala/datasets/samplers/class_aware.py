"""Class-aware sampling: cycle through the classes, a few samples at a time."""

from typing import Any

import numpy as np

from mmgala.datasets.samplers.epoch_sampler import EpochSampler
from mmgala.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ClassAwareSampler(EpochSampler):
    """Cycle through the classes in random order, with a few random samples of each.

    Every class is drawn once before any is repeated, and so is every sample within its
    class; then both are shuffled again. This is the sampling of Shen et al., *Relay
    Backpropagation for Effective Learning of Deep Convolutional Neural Networks*, ECCV
    2016, with several consecutive samples per class as in the decoupled training of
    Kang et al., ICLR 2020. Unlike theirs, the order depends only on the seed and the
    epoch, and an epoch has as many draws as the data set has samples, which is where
    their training loops stop too.

    Args:
        dataset: see :class:`EpochSampler`; no class may be empty.
        num_samples_per_class: number of consecutive samples per class, at least 1.
        num_samples: number of draws per epoch over all ranks; ``'oversample'`` gives
            the length of the original sampler. Defaults to the size of the data set.
        seed: see :class:`EpochSampler`.
        infinite: see :class:`EpochSampler`.

    Raises:
        TypeError: if the data set does not expose its labels.
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
        # Samples are drawn class by class; assign them to the slots of their class.
        indices[np.argsort(classes, kind='stable')] = self.classes.draw(draws, rng)
        return indices
