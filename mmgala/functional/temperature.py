"""Temperature scaling: all scores of a model, more or less confident."""

import torch
from torch import Tensor

from mmgala.functional.checks import capturing
from mmgala.functional.rebalance import check_scores

# Beyond these, quotients may overflow in float32.
TEMPERATURES = (1e-6, 1e6)


def check_temperature(temperature: float | Tensor) -> None:
    """Check a temperature.

    Raises:
        ValueError: if it is not positive and finite, or so small or large that scores
            would overflow.
    """
    if isinstance(temperature, Tensor) and capturing():
        return
    low, high = TEMPERATURES
    if not low <= temperature <= high:
        raise ValueError(
            f'Expected `temperature` to be a finite number above 0, from {low:g} to '
            f'{high:g}, but got {temperature}. 1 leaves scores unchanged; larger '
            'values make them less confident.'
        )


def temperature_scale(scores: Tensor, temperature: float) -> Tensor:
    r"""Scale the temperature of softmax scores.

    .. math:: Q_{ij} \propto P_{ij}^{1 / T}

    These are the softmax scores of the logits :math:`z_{ij} / T`. Source: Guo et al.,
    *On Calibration of Modern Neural Networks*, ICML 2017, arXiv 1706.04599, section
    4.2.

    Args:
        scores: softmax scores, ``(N, C)``, rows summing to 1.
        temperature: :math:`T`, above 0. Values above 1 make them less confident.

    Returns:
        Scores ``(N, C)``, rows summing to 1, of the type of ``scores`` and with the
        same ranking in each row.

    Raises:
        ValueError: if ``scores`` are not probabilities, or ``temperature`` is invalid.

    Examples:
        >>> temperature_scale(torch.tensor([[0.8, 0.2]]), 2.0)  # 2 : 1 from 4 : 1
        tensor([[0.6667, 0.3333]])
    """
    check_scores(scores)
    check_temperature(temperature)
    wide = torch.promote_types(scores.dtype, torch.float32)
    return (scores.to(wide).log() / temperature).softmax(dim=1).to(scores.dtype)
