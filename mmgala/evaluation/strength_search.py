"""Search for the strength of one post-hoc step on validation data."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmgala.evaluation.score_blocks import ScoreBlocks, blocks_of
from mmgala.evaluation.tau_winners import VALUES_AT_ONCE, WinnerSearch
from mmgala.functional.checks import check_logits_and_target
from mmgala.functional.rebalance import check_enough_samples, check_target_prior
from mmgala.utils.chunks import row_slices

TAU_GRID = tuple(step / 10 for step in range(31))
"""Strengths that ``auto`` tries: 0, 0.1, ..., 3."""


@dataclass(frozen=True)
class TauSearch:
    """Result of :func:`~mmgala.evaluation.strength_search.search_tau`.

    Attributes:
        tau: the chosen strength.
        taus: all strengths tried.
        accuracies: accuracy of each, in percent.
    """

    tau: float
    taus: tuple[float, ...]
    accuracies: tuple[float, ...]

    def __str__(self) -> str:
        lines = ['tau   accuracy on validation data (%)']
        low, high = min(self.accuracies), max(self.accuracies)
        for tau, accuracy in zip(self.taus, self.accuracies, strict=True):
            bar = '#' * round(30 * (accuracy - low) / max(high - low, 1e-9))
            mark = '  <- chosen' if tau == self.tau else ''
            lines.append(f'{tau:4.2f}  {accuracy:6.2f}  {bar}{mark}')
        return '\n'.join(lines)


@dataclass(frozen=True, eq=False)
class WeightedScores:
    r"""Validation scores, weighted to represent the test set's classes.

    Sample i of class k has the weight :math:`\pi_k / n_k` in the class mass, in
    accuracies and in losses, where :math:`n_k` counts validation samples. With a
    balanced prior an accuracy is then the mean over classes, even if the validation set
    is not balanced.

    Args:
        scores: softmax scores of the validation set, ``(N, C)``, whole or in blocks.
        target: its labels, ``(N,)``.
        target_prior: :math:`\pi`, class shares of the test set, ``(C,)`` with sum 1.
            Defaults to balanced.
        step: applied to the scores first, a few rows at a time, so that a large set
            is never copied as a whole.

    Raises:
        ValueError: if there are fewer samples than classes, or the labels or the prior
            do not fit the scores.
    """

    scores: Tensor | ScoreBlocks
    target: Tensor
    target_prior: Tensor | None = None
    step: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        num_samples, num_classes = self.scores.shape
        check_enough_samples(num_samples, num_classes)
        if isinstance(self.scores, Tensor):
            check_logits_and_target(self.scores, self.target)
        else:  # the check reads the shape alone
            shape = torch.empty(()).expand(num_samples, num_classes)
            check_logits_and_target(shape, self.target)
        if self.target_prior is not None:
            check_target_prior(self.target_prior, num_classes)
            if not bool(self.target_prior[self.target].any()):
                raise ValueError(
                    'No strength can be chosen: `target_prior` is 0 for every class '
                    'of the validation set.'
                )

    @property
    def weight(self) -> Tensor:
        """Weight of each sample, ``(N,)`` float64."""
        num_classes = int(self.scores.shape[1])
        if self.target_prior is None:
            share = torch.full((num_classes,), 1 / num_classes, dtype=torch.float64)
        else:
            share = self.target_prior.double()
        support = self.target.bincount(minlength=num_classes)
        return (share / support.clamp(min=1))[self.target]

    def parts(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Scores, labels and weights, a few rows at a time."""
        weight = self.weight
        for rows, part in blocks_of(self.scores).parts():
            scores = part if self.step is None else self.step(part)
            yield scores, self.target[rows], weight[rows]

    def class_mass(self) -> Tensor:
        """Weighted sum of each class's scores, ``(C,)`` float64."""
        mass = torch.zeros(self.scores.shape[1], dtype=torch.float64)
        for part, _, weight in self.parts():
            mass += weight @ part.double()
        return mass


def search_tau(
    data: WeightedScores,
    transform: Callable[[Tensor, float], Tensor],
    taus: Sequence[float] = TAU_GRID,
    adjustment: Callable[[float], Tensor] | None = None,
) -> TauSearch:
    """Choose the strength of a post-hoc step by accuracy on validation data.

    Args:
        data: scores and labels of the validation set.
        transform: applies the step to scores ``(N, C)`` with a given strength.
        taus: strengths to try.
        adjustment: the vector ``(C,)`` that the step adds to log-scores with a given
            strength. With it, the transformed scores of a large set are computed only
            where classes almost tie; the result is the same.

    Returns:
        The best strength (the smallest in a tie), and the accuracy of each.
    """
    hits = torch.zeros(len(taus), dtype=torch.float64)
    total = 0.0
    search = None
    if adjustment is not None:
        search = WinnerSearch([adjustment(tau) for tau in taus])
    for part, labels, weight in data.parts():
        total += float(weight.sum())
        for rows in row_slices(len(part), part.shape[1], VALUES_AT_ONCE):
            predicted = _predicted(part[rows], transform, taus, search)
            for index, correct in enumerate(predicted == labels[rows]):
                hits[index] += weight[rows] @ correct.double()
    return choose_tau(taus, (100 * hits / total).tolist())


def _predicted(
    scores: Tensor,
    transform: Callable[[Tensor, float], Tensor],
    taus: Sequence[float],
    search: WinnerSearch | None,
) -> Tensor:
    """Predicted classes with each strength, ``(K, N)``."""
    if search is None or search.compares_all or scores.dtype != torch.float32:
        return torch.stack([transform(scores, tau).argmax(dim=1) for tau in taus])
    found = search(scores.log().numpy())
    predicted = torch.from_numpy(found.predicted)
    close = torch.from_numpy(found.close)
    if bool(close.any()):
        rest = [transform(scores[close], tau).argmax(dim=1) for tau in taus]
        predicted[:, close] = torch.stack(rest)
    return predicted


def choose_tau(taus: Sequence[float], accuracies: Sequence[float]) -> TauSearch:
    """Choose the strength with the best accuracy (the smallest in a tie).

    Args:
        taus: strengths that were tried, at least one.
        accuracies: accuracy of each, in percent.
    """
    best = max(accuracies) - 1e-9  # ties may differ by rounding
    tau = min(t for t, a in zip(taus, accuracies, strict=True) if a >= best)
    return TauSearch(tau, tuple(taus), tuple(accuracies))


# The best temperature is 0 if every sample is classified correctly and infinite if none
# is, so the search has limits.
TEMPERATURE_LIMITS = (0.05, 20.0)


@dataclass(frozen=True)
class TemperatureSearch:
    """Result of :func:`~mmgala.evaluation.strength_search.search_temperature`.

    Attributes:
        temperature: the chosen temperature, rounded to four decimals.
        loss_before: negative log-likelihood at temperature 1, in nats per sample.
        loss_after: negative log-likelihood at the chosen temperature.
    """

    temperature: float
    loss_before: float
    loss_after: float

    def __str__(self) -> str:
        text = (
            f'{self.temperature:.4g}: negative log-likelihood on validation data '
            f'{self.loss_before:.4f} -> {self.loss_after:.4f}'
        )
        low, high = TEMPERATURE_LIMITS
        if not low * 1.01 < self.temperature < high / 1.01:
            text += f' (at the limit of {low:g} to {high:g})'
        return text


def search_temperature(data: WeightedScores) -> TemperatureSearch:
    """Choose the temperature by negative log-likelihood on labelled validation data.

    The loss is convex in 1/T, so it has one minimum; a bounded search over log T finds
    it. Source: Guo et al., ICML 2017, arXiv 1706.04599, section 4.2.

    Args:
        data: scores and labels of the validation set.
    """
    # Imported late: hooks import this package, and do not need SciPy.
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(data, math.exp(log_temperature))

    low, high = map(math.log, TEMPERATURE_LIMITS)
    found = minimize_scalar(
        loss, bounds=(low, high), method='bounded', options={'xatol': 1e-4}
    )
    temperature = round(math.exp(float(found.x)), 4)
    return TemperatureSearch(temperature, loss(0.0), loss(math.log(temperature)))


def negative_log_likelihood(data: WeightedScores, temperature: float = 1.0) -> float:
    """Weighted mean of ``-log p`` of the labels at a temperature, in nats."""
    total = weights = 0.0
    # A score that has underflowed to 0 would make the mean infinite at any temperature.
    least = torch.finfo(torch.float32).tiny
    for part, labels, weight in data.parts():
        logits = part.clamp(min=least).log() / temperature
        own = logits.gather(1, labels[:, None]).squeeze(1)
        losses = logits.logsumexp(dim=1) - own
        total += float(weight @ losses.double())
        weights += float(weight.sum())
    return total / weights
