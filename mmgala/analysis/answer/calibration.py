"""Whether confidences can be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmgala.analysis.answer.compared import Compared, Line
from mmgala.analysis.rows import Row

DRAWS = 1000
# Share of the calibration error that has one sign, for confidences to be called too
# high or too low as a whole.
ONE_SIDED = 0.5


@dataclass(frozen=True)
class Calibration:
    """Calibration of a row, as the mean over its seeds; in percent.

    Attributes:
        error: expected calibration error (ECE).
        chance: error that calibrated predictions exceed with a probability of 5 %.
        confidence: mean confidence.
        accuracy: top-1 accuracy.
    """

    error: float
    chance: float
    confidence: float
    accuracy: float

    @property
    def by_chance(self) -> bool:
        """Whether calibrated predictions could have this error."""
        return self.error <= self.chance

    @property
    def direction(self) -> str:
        """``'over-confident'``, ``'under-confident'`` or ``''``, if it is both."""
        excess = self.confidence - self.accuracy
        if abs(excess) < ONE_SIDED * self.error:
            return ''
        return 'over-confident' if excess > 0 else 'under-confident'


def calibration_of(row: Row, seed: int = 0) -> Calibration:
    """Calibration from the bins of a row.

    The error of few predictions is above 0 by chance alone. How far is found by drawing
    the number of right predictions in each bin as if they were calibrated
    (consistency resampling; Bröcker & Smith, *Weather and Forecasting*, 2007).

    Args:
        row: with ``reliability``.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    seeds = [_of_bins(bins, rng) for bins in row.reliability]
    return Calibration(*(float(v) for v in 100 * np.mean(seeds, axis=0)))


def _of_bins(
    bins: Mapping[str, Sequence], rng: np.random.Generator
) -> tuple[float, float, float, float]:
    count = np.array(bins['count'])
    filled = count > 0
    confidence, accuracy = (
        np.array(bins[key], dtype=float)[filled] for key in ('confidence', 'accuracy')
    )
    share = count[filled] / count.sum()
    drawn = rng.binomial(count[filled], np.clip(confidence, 0, 1), (DRAWS, len(share)))
    errors = np.abs(drawn / count[filled] - confidence) @ share
    return (
        share @ np.abs(accuracy - confidence),
        np.quantile(errors, 0.95),
        share @ confidence,
        share @ accuracy,
    )


def calibration_lines(about: Compared) -> list[Line]:
    """Calibration of the highest row; none without its confidences."""
    row = about.best
    if not row.reliability:
        return []
    found = calibration_of(row)
    kind = 'calibrated within chance'
    if not found.by_chance:
        kind = found.direction or 'over-confident in parts, under-confident in others'
    return [
        Line(
            'calibration',
            f'{row.name} is {kind}: on average it is {found.confidence:.1f} % sure, '
            f'and right in {found.accuracy:.1f} % of cases. Its expected calibration '
            'error (ECE, the mean distance between confidence and accuracy) is '
            f'{found.error:.1f} %; up to {found.chance:.1f} % would be chance.',
        )
    ]
