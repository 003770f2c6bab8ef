r"""Seesaw loss, with the samples seen so far given.

Source: Wang et al., *Seesaw Loss for Long-Tailed Instance Segmentation*, CVPR 2021,
arXiv 2008.10032, section 3.2.
"""

import math

import torch
from torch import Tensor

from mmgala.functional.adjusted_losses import cross_entropy
from mmgala.functional.checks import check_logits_and_target
from mmgala.functional.gala import _upcast


def seesaw_loss(
    logits: Tensor,
    target: Tensor,
    seen: Tensor,
    p: float = 0.8,
    q: float = 2.0,
    eps: float = 1e-2,
) -> Tensor:
    r"""Seesaw loss, unreduced.

    .. math::
        L_i = -\log \frac{e^{z_{ik}}}{e^{z_{ik}} + \sum_{j \ne k} S_{ij} e^{z_{ij}}},
        \qquad S_{ij} = \min(1, N_j / N_k)^p
        \max(1, \sigma_{ij} / \max(\sigma_{ik}, \epsilon))^q

    with :math:`k = y_i` and :math:`\sigma = \mathrm{softmax}(z)`, which passes no
    gradient on. No C x C matrix is formed.

    Args:
        logits: :math:`z`, ``(N, C)``; half precision is computed in float32.
        target: class indices, ``(N,)``.
        seen: :math:`N`, samples of each class so far, ``(C,)``; below 1 counts as 1.
        p: exponent of the mitigation factor, 0 or more.
        q: exponent of the compensation factor, 0 or more.
        eps: :math:`\epsilon`, the least probability of the label that is divided by.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: on soft labels, if shapes do not fit or, on the CPU, a label is out
            of range.
    """
    check_logits_and_target(logits, target)
    if target.is_floating_point():
        raise ValueError(
            'Seesaw loss compares the label with every other class: it needs class '
            'indices, not soft labels. Take mixup and CutMix out of the config.'
        )
    logits, index = _upcast(logits), target.long()[:, None]
    with torch.no_grad():
        # Logarithms of the factors. Of p log(min(1, N_j / N_k)) the part that a whole
        # row has in common, which softmax ignores, is left out: it is a pass less.
        log_seen = p * seen.clamp(min=1).to(logits.dtype).log()
        factors = torch.minimum(log_seen, log_seen[index])
        if q > 0:
            least = logits.logsumexp(dim=1, keepdim=True) + math.log(eps)
            at_label = torch.maximum(logits.gather(1, index), least)
            factors.add_((logits - at_label).clamp_(min=0), alpha=q)
        factors.scatter_(1, index, log_seen[index])
    return cross_entropy(factors.add_(logits), target)
