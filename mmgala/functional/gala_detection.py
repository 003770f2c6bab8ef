r"""GALA with a background class, for the classification branches of detectors.

This project's extension of arXiv 2403.09036, which is about classification. Background
gets no margin, adds none to the classes, and is not part of the statistics.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.gala import gala_margin


def add_foreground_margin(
    logits: Tensor,
    target: Tensor,
    pos_grad: Tensor,
    neg_grad: Tensor,
    lambda_pos: float = 1.0,
    lambda_neg: float = 1.0,
    eps: float = 1e-3,
) -> Tensor:
    r"""Logits of C classes and background, with GALA's margins between the classes.

    .. math::
        \hat z_{ij} = z_{ij} + \lambda_+ \log(\theta_j + \epsilon)
            - \lambda_- \log(\phi_k + \epsilon)
            \qquad (k = y_i < C,\; j \ne k,\; j < C)

    and :math:`\hat z_{ij} = z_{ij}` otherwise: at the label, for the background logit,
    and in every background row. Unlike in classification, softmax does not ignore the
    term with :math:`\phi_k`, since the background logit does not have it.

    Args:
        logits: ``(N, C + 1)``, background last.
        target: class indices ``(N,)``, C for background.
        pos_grad: :math:`\theta`, ``(C,)``.
        neg_grad: :math:`\phi`, ``(C,)``.
        lambda_pos: :math:`\lambda_+`.
        lambda_neg: :math:`\lambda_-`.
        eps: :math:`\epsilon`.

    Returns:
        :math:`\hat z`, ``(N, C + 1)``, float32 or wider.

    Examples:
        >>> theta = phi = torch.tensor([9.999, 0.999])
        >>> add_foreground_margin(torch.zeros(2, 3), torch.tensor([1, 2]), theta, phi)
        tensor([[2.3026, 0.0000, 0.0000],
                [0.0000, 0.0000, 0.0000]])
    """
    foreground = target < len(pos_grad)
    label = torch.where(foreground, target, 0)
    margin = gala_margin(pos_grad, neg_grad, label, lambda_pos, lambda_neg, eps)
    return logits + F.pad(torch.where(foreground[:, None], margin, 0.0), (0, 1))


@torch.no_grad()
def foreground_gradient_sum(
    adjusted_logits: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    r"""Gradient that classes exchange with each other, summed over foreground.

    .. math::
        \theta_k \leftarrow \theta_k
            + \sum_{i: y_i = k} \; \sum_{j \ne k,\, j < C} p_{ij}

    with :math:`p_i` the softmax of a row, background included. The share of background
    is left out, so the sum is that of both :math:`\theta` and :math:`\phi`.

    Args:
        adjusted_logits: logits with the margin added, ``(N, C + 1)``, background last.
        target: class indices ``(N,)``, C for background.
        weight: weight of each sample in the sums, ``(N,)``. Defaults to 1.

    Returns:
        ``(C,)`` float32. Samples with non-finite probabilities are ignored.

    Examples:
        >>> foreground_gradient_sum(torch.zeros(2, 4), torch.tensor([1, 3]))
        tensor([0.0000, 0.5000, 0.0000])
    """
    num_classes = adjusted_logits.shape[1] - 1
    foreground = target < num_classes
    label = torch.where(foreground, target, 0)
    probs = adjusted_logits.float().softmax(dim=1)[:, :-1]
    grad = probs.scatter(1, label[:, None], 0.0).sum(dim=1)
    grad = torch.where(foreground & grad.isfinite(), grad, 0.0)
    if weight is not None:
        grad = grad * weight
    return grad.new_zeros(num_classes).index_add_(0, label, grad)
