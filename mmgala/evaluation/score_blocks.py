"""Scores of a data set, read in blocks of rows instead of as a whole."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mmgala.functional.metrics import SampleOutcomes, sample_outcomes
from mmgala.functional.post_hoc import PostHocSteps
from mmgala.functional.rebalance import check_enough_samples, check_scores
from mmgala.utils.chunks import row_slices


class ScoreBlocks(ABC):
    """Scores ``(N, C)`` that can be read from the beginning as often as needed."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """N and C."""

    @abstractmethod
    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Rows and their scores, in order; a block has up to 4 million values.

        A block may be a view of what is stored: do not change it. It may be
        overwritten when the next one is read: do not keep it.
        """

    def __len__(self) -> int:
        """N, the number of samples."""
        return self.shape[0]

    def numpy(self) -> np.ndarray:
        """All scores as one array ``(N, C)`` float32; it needs memory for all."""
        scores = np.empty(self.shape, dtype=np.float32)
        for rows, part in self.parts():
            scores[rows] = part.numpy()
        return scores

    def check(self) -> None:
        """Check that all rows are probabilities.

        Raises:
            ValueError: see :func:`mmgala.functional.rebalance.check_scores`.
        """
        for _, part in self.parts():
            check_scores(part)

    def are_finite(self) -> bool:
        """Whether no score is infinite or NaN."""
        return all(bool(part.isfinite().all()) for _, part in self.parts())


class WholeScores(ScoreBlocks):
    """Scores that are in memory as a whole.

    Args:
        scores: ``(N, C)``.
    """

    def __init__(self, scores: Tensor | np.ndarray) -> None:
        self.scores = torch.as_tensor(scores)

    @property
    def shape(self) -> tuple[int, int]:
        """N and C."""
        return tuple(self.scores.shape)  # type: ignore[return-value]

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Views of the scores."""
        for rows in row_slices(*self.scores.shape):
            yield rows, self.scores[rows]


class FirstScores(ScoreBlocks):
    """The first samples of a data set, without the padding samples that follow.

    Args:
        scores: of all samples.
        num_samples: how many of them; more than there are means all.
    """

    def __init__(self, scores: ScoreBlocks, num_samples: int) -> None:
        self._scores = scores
        self._num_samples = min(num_samples, len(scores))

    @property
    def shape(self) -> tuple[int, int]:
        """N and C."""
        return self._num_samples, self._scores.shape[1]

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Blocks up to the last sample."""
        for rows, part in self._scores.parts():
            if rows.start >= self._num_samples:
                return
            kept = part[: self._num_samples - rows.start]
            yield slice(rows.start, rows.start + len(kept)), kept


class MappedScores(ScoreBlocks):
    """Scores that a function changes when they are read.

    Args:
        scores: before the change.
        change: takes and returns scores of some rows, ``(n, C)``.
    """

    def __init__(self, scores: ScoreBlocks, change: Callable[[Tensor], Tensor]) -> None:
        self._scores = scores
        self._change = change

    @property
    def shape(self) -> tuple[int, int]:
        """N and C."""
        return self._scores.shape

    def parts(self) -> Iterator[tuple[slice, Tensor]]:
        """Changed scores."""
        for rows, part in self._scores.parts():
            yield rows, self._change(part)


def blocks_of(scores: 'Tensor | np.ndarray | ScoreBlocks') -> ScoreBlocks:
    """Scores in any form as blocks."""
    return scores if isinstance(scores, ScoreBlocks) else WholeScores(scores)


def class_mass_of(scores: ScoreBlocks) -> Tensor:
    """Sum of each class's scores in one pass, ``(C,)`` float64."""
    mass = torch.zeros(scores.shape[1], dtype=torch.float64)
    for _, part in scores.parts():
        mass += part.sum(dim=0, dtype=torch.float64)
    return mass


def fitted_on(scores: ScoreBlocks, steps: PostHocSteps) -> PostHocSteps:
    """The inductive version of steps: re-balancing uses the class mass of these scores.

    Args:
        scores: softmax scores, ``(N, C)``, before any step.
        steps: with strengths.

    Raises:
        ValueError: if the scores are not probabilities, or there are fewer samples than
            classes.
    """
    scores.check()
    check_enough_samples(*scores.shape)
    return replace(steps, class_mass=class_mass_of(_adjusted(scores, steps)))


def transformed(scores: ScoreBlocks, steps: PostHocSteps) -> ScoreBlocks:
    """Scores after post-hoc steps, as :meth:`PostHocSteps.transform` gives them.

    Raises:
        ValueError: see there; also while the result is read.
    """
    adjusted = _adjusted(scores, steps)
    mass = steps.class_mass
    if steps.rebalancing is not None and mass is None:
        check_enough_samples(*scores.shape)
        mass = class_mass_of(adjusted)
    return MappedScores(adjusted, lambda part: steps.rebalance_and_scale(part, mass))


def _adjusted(scores: ScoreBlocks, steps: PostHocSteps) -> ScoreBlocks:
    return MappedScores(scores, steps.adjust_for_counts)


def outcomes_of(scores: ScoreBlocks, target: Tensor) -> SampleOutcomes:
    """Rank of the true class and confidence of each sample.

    Args:
        scores: ``(N, C)``.
        target: labels, ``(N,)`` integers.
    """
    parts = [sample_outcomes(part, target[rows]) for rows, part in scores.parts()]
    return SampleOutcomes(*map(torch.cat, zip(*parts, strict=True)))


def same_scores(first: ScoreBlocks, second: ScoreBlocks) -> bool:
    """Whether two data sets have equal scores."""
    return first.shape == second.shape and all(
        torch.equal(a, b)
        for (_, a), (_, b) in zip(first.parts(), second.parts(), strict=True)
    )
