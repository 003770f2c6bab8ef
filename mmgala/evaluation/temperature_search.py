"""Choose the temperature of softmax scores on validation data."""

import math
from dataclasses import dataclass

import torch
from scipy.optimize import minimize_scalar

from mmgala.evaluation.tau_search import WeightedScores

# Where every sample is classified rightly the best temperature is 0, and where none is
# it is infinite: no temperature outside of these is chosen.
LIMITS = (0.05, 20.0)


@dataclass(frozen=True)
class TemperatureSearch:
    """Result of :func:`search_temperature`.

    Attributes:
        temperature: the chosen one, rounded to four decimals.
        loss_before: negative log-likelihood at temperature 1, in nats a sample.
        loss_after: that at the chosen temperature.
    """

    temperature: float
    loss_before: float
    loss_after: float

    def __str__(self) -> str:
        text = (
            f'{self.temperature:.4g}: negative log-likelihood on validation data '
            f'{self.loss_before:.4f} -> {self.loss_after:.4f}'
        )
        if not LIMITS[0] * 1.01 < self.temperature < LIMITS[1] / 1.01:
            text += f' (at the limit of {LIMITS[0]:g} to {LIMITS[1]:g})'
        return text


def search_temperature(data: WeightedScores) -> TemperatureSearch:
    """Choose the temperature by negative log-likelihood on labelled validation data.

    The loss is convex in 1/T, so it has one minimum, which a bounded search finds in
    log T. Source: Guo et al., ICML 2017, arXiv 1706.04599, section 4.2.

    Args:
        data: scores and labels of the validation set.
    """

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(data, math.exp(log_temperature))

    low, high = map(math.log, LIMITS)
    found = minimize_scalar(
        loss, bounds=(low, high), method='bounded', options={'xatol': 1e-4}
    )
    temperature = round(math.exp(float(found.x)), 4)
    return TemperatureSearch(temperature, loss(0.0), loss(math.log(temperature)))


def negative_log_likelihood(data: WeightedScores, temperature: float = 1.0) -> float:
    """Weighted mean of ``-log p`` of the labels, in nats, at a temperature."""
    total = weights = 0.0
    # A score that has underflowed to 0 would make the mean infinite, whatever T.
    least = torch.finfo(torch.float32).tiny
    for part, labels, weight in data.parts():
        logits = part.clamp(min=least).log() / temperature
        own = logits.gather(1, labels[:, None]).squeeze(1)
        losses = logits.logsumexp(dim=1) - own
        total += float(weight @ losses.double())
        weights += float(weight.sum())
    return total / weights
