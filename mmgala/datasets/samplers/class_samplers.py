"""Samplers that draw classes in turn, or with chosen probabilities."""

from typing import Any

import numpy as np

from mmgala.datasets.samplers.epoch_sampler import EpochSampler
from mmgala.functional.checks import check_whole
from mmgala.registry import DATA_SAMPLERS

EXPONENTS = {'instance': 1.0, 'class': 0.0, 'sqrt': 0.5}
PROGRESSIVE = 'progressive'
SAMPLING_MODES = (*EXPONENTS, PROGRESSIVE)


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
        check_whole('num_samples_per_class', num_samples_per_class)
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


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(EpochSampler):
    r"""Instance-, class-balanced, square-root and progressively balanced sampling.

    Kang et al., *Decoupling Representation and Classifier for Long-Tailed Recognition*,
    ICLR 2020 (arXiv 1910.09217), section 3, draw class j, which has :math:`n_j`
    samples, with probability :math:`p_j = n_j^q / \sum_i n_i^q`:

    * ``'instance'``, q = 1: all samples are equally likely. With the default
      ``num_samples``, an epoch is a plain shuffle of the data set;
    * ``'class'``, q = 0: all classes are equally likely;
    * ``'sqrt'``, q = 1/2;
    * ``'progressive'``: :math:`(1 - t/T)\,p_j^{instance} + (t/T)\,p_j^{class}` in epoch
      t of T. MMEngine counts t from 0, so the first epoch is instance-balanced and the
      last one has t/T = (T - 1)/T. To end class-balanced, as the authors' code does,
      pass one epoch less; further epochs keep t/T = 1.

    Draws have less variance than independent ones: an epoch has
    :math:`\lfloor L p_j \rfloor` or :math:`\lceil L p_j \rceil` draws of class j
    (L is ``num_samples``), :math:`L p_j` on average. All samples of a class are drawn
    once before any is repeated, and the epoch is then shuffled.

    Args:
        dataset: see :class:`EpochSampler`. Modes ``'class'`` and ``'progressive'``
            require samples of every class.
        mode: ``'instance'``, ``'class'``, ``'sqrt'`` or ``'progressive'``.
        num_epochs: number of epochs T, only for ``'progressive'``.
        num_samples: see :class:`EpochSampler`.
        seed: see :class:`EpochSampler`.
        infinite: see :class:`EpochSampler`.

    Raises:
        TypeError: if the data set does not expose its labels.
        ValueError: if the mode is unknown, a class without samples would be drawn,
            ``num_epochs`` is missing or unexpected, or an argument is out of range.
    """

    def __init__(
        self,
        dataset: Any,
        mode: str = 'instance',
        num_epochs: int | None = None,
        num_samples: int | str | None = None,
        seed: int | None = None,
        infinite: bool = False,
    ) -> None:
        _check_mode(mode, num_epochs)
        super().__init__(dataset, num_samples, seed, infinite)
        if mode in ('class', PROGRESSIVE):
            self.classes.require_every_class()
        self.mode = mode
        self.num_epochs = num_epochs

    def class_probabilities(self, epoch: int = 0) -> np.ndarray:
        """Probability of drawing each class: ``(C,)`` float64.

        Args:
            epoch: index of the epoch, counted from 0.
        """
        weights = self._class_weights(epoch)
        return weights / weights.sum()

    def _class_weights(self, epoch: int) -> np.ndarray:
        # Not normalised, as integer counts make mode 'instance' exact.
        counts = self.classes.counts
        if self.num_epochs is None:
            return counts.astype(np.float64) ** EXPONENTS[self.mode]
        done = min(1.0, epoch / self.num_epochs)
        return (1 - done) * counts + done * counts.sum() / len(counts)

    def _draw(self, length: int, epoch: int, rng: np.random.Generator) -> np.ndarray:
        draws = proportional_counts(length, self._class_weights(epoch), rng)
        return rng.permutation(self.classes.draw(draws, rng))


def proportional_counts(
    total: int, weights: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Split a total into random integer counts whose means are proportional to weights.

    Each count is its exact share rounded down or up. What is left after rounding down
    is distributed by systematic sampling of the fractions, in random order.

    Args:
        total: sum of the counts.
        weights: ``(C,)`` non-negative weights.
        rng: random generator of the rounding.

    Returns:
        ``(C,)`` int64 counts.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> proportional_counts(10, np.array([3.0, 2.0]), rng).tolist()
        [6, 4]
    """
    shares = total * weights / weights.sum()
    counts = np.floor(shares).astype(np.int64)
    remainder = total - int(counts.sum())
    order = rng.permutation(np.flatnonzero(weights))
    edges = np.cumsum((shares - counts)[order])
    edges[-1] = remainder  # exact, without the rounding error of the sum
    passed = np.minimum(np.floor(edges + rng.random()), remainder)
    counts[order] += np.diff(passed, prepend=0).astype(np.int64)
    return counts


def _check_mode(mode: str, num_epochs: int | None) -> None:
    if mode not in SAMPLING_MODES:
        raise ValueError(
            f'Expected `mode` to be one of {SAMPLING_MODES}, but got {mode!r}.'
        )
    if mode != PROGRESSIVE and num_epochs is not None:
        raise ValueError(
            f'Expected `num_epochs` only with mode={PROGRESSIVE!r}, but got '
            f'{num_epochs!r} with mode={mode!r}: leave it out.'
        )
    if mode == PROGRESSIVE and (not isinstance(num_epochs, int) or num_epochs < 1):
        raise ValueError(
            'Expected `num_epochs` to be the number of training epochs with '
            f'mode={PROGRESSIVE!r}, 1 or more, but got {num_epochs!r}.'
        )
