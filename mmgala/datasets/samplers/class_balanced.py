"""Sampling with a probability for each class, after "Decoupling"."""

from typing import Any

import numpy as np

from mmgala.datasets.samplers.epoch_sampler import EpochSampler
from mmgala.registry import DATA_SAMPLERS

EXPONENTS = {'instance': 1.0, 'class': 0.0, 'sqrt': 0.5}
PROGRESSIVE = 'progressive'
MODES = (*EXPONENTS, PROGRESSIVE)


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(EpochSampler):
    r"""Instance-, class-balanced, square-root and progressively balanced sampling.

    Of a class with :math:`n_j` samples, Kang et al., *Decoupling Representation and
    Classifier for Long-Tailed Recognition*, ICLR 2020 (arXiv 1910.09217), section 3,
    draw with probability :math:`p_j = n_j^q / \sum_i n_i^q`:

    * ``'instance'``, q = 1: every sample alike. With the default ``num_samples``, an
      epoch is a plain shuffle of the data set;
    * ``'class'``, q = 0: every class alike;
    * ``'sqrt'``, q = 1/2;
    * ``'progressive'``: :math:`(1 - t/T)\,p_j^{instance} + (t/T)\,p_j^{class}` in epoch
      t of T. MMEngine counts t from 0, so that the first of T epochs is
      instance-balanced and the last has t/T = (T - 1)/T. To end class-balanced, as the
      authors' code does, give one epoch less: later ones keep t/T = 1.

    Draws are spread more evenly than independent ones: an epoch has
    :math:`\lfloor L p_j \rfloor` or :math:`\lceil L p_j \rceil` draws of class j
    (L is ``num_samples``; :math:`L p_j` on average), all samples of a class come once
    before any comes again, and then the whole is shuffled.

    Args:
        dataset: see :class:`EpochSampler`. Modes ``'class'`` and ``'progressive'`` need
            samples of every class.
        mode: ``'instance'``, ``'class'``, ``'sqrt'`` or ``'progressive'``.
        num_epochs: T, for ``'progressive'`` alone.
        num_samples: see :class:`EpochSampler`.
        seed: see :class:`EpochSampler`.
        infinite: see :class:`EpochSampler`.

    Raises:
        TypeError: if the data set does not tell its labels.
        ValueError: on an unknown mode, a class without samples where the mode draws
            every class, ``num_epochs`` missing or of no use, or a number out of range.
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
        """Probability of each class in an epoch, counted from 0: ``(C,)`` float64."""
        weights = self._class_weights(epoch)
        return weights / weights.sum()

    def _class_weights(self, epoch: int) -> np.ndarray:
        # Not normalised: whole counts stay whole, and `instance` exact.
        counts = self.classes.counts
        if self.num_epochs is None:
            return counts.astype(np.float64) ** EXPONENTS[self.mode]
        done = min(1.0, epoch / self.num_epochs)
        return (1 - done) * counts + done * counts.sum() / len(counts)

    def _draw(self, length: int, epoch: int, rng: np.random.Generator) -> np.ndarray:
        draws = share_out(length, self._class_weights(epoch), rng)
        return rng.permutation(self.classes.draw(draws, rng))


def share_out(total: int, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Share a number out by weights: whole parts, right on average.

    Each part is its exact share rounded down or up. What rounding down leaves over goes
    to parts in a random order, by systematic sampling of their fractions.

    Args:
        total: what to share out.
        weights: ``(C,)`` non-negative.
        rng: source of the rounding.

    Returns:
        ``(C,)`` int64 that sum to ``total``.

    Examples:
        >>> share_out(10, np.array([3.0, 2.0]), np.random.default_rng(0)).tolist()
        [6, 4]
    """
    shares = total * weights / weights.sum()
    parts = np.floor(shares).astype(np.int64)
    left = total - int(parts.sum())
    order = rng.permutation(np.flatnonzero(weights))
    edges = np.cumsum((shares - parts)[order])
    edges[-1] = left  # as it is, but for the rounding of floating numbers
    passed = np.minimum(np.floor(edges + rng.random()), left)
    parts[order] += np.diff(passed, prepend=0).astype(np.int64)
    return parts


def _check_mode(mode: str, num_epochs: int | None) -> None:
    if mode not in MODES:
        raise ValueError(f'Expected `mode` to be one of {MODES}, but got {mode!r}.')
    if mode != PROGRESSIVE and num_epochs is not None:
        raise ValueError(
            f'Expected `num_epochs` with mode={PROGRESSIVE!r} only, but got '
            f'{num_epochs!r} with mode={mode!r}: leave it out.'
        )
    if mode == PROGRESSIVE and (not isinstance(num_epochs, int) or num_epochs < 1):
        raise ValueError(
            f'Expected `num_epochs` to be 1 or more with mode={PROGRESSIVE!r} (that of '
            f'the training), but got {num_epochs!r}.'
        )
