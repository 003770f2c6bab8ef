r"""Softmax equalization loss, with the random draws given.

Source: Tan et al., *Equalization Loss for Long-Tailed Object Recognition*, CVPR 2020,
arXiv 2003.05176, the extension to image classification.
"""

import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.checks import check_logits_and_target
from mmgala.functional.gala import _upcast


def equalization_loss(logits: Tensor, target: Tensor, ignored: Tensor) -> Tensor:
    r"""Softmax equalization loss, unreduced.

    .. math::
        L_i = -\sum_j y_{ij} \log \tilde p_{ij}, \qquad
        \tilde p_{ij} = \frac{e^{z_{ij}}}{\sum_k w_{ik} e^{z_{ik}}}, \qquad
        w_{ik} = 1 - \beta_{ik} T_\lambda(f_k) (1 - y_{ik})

    A class that is ignored for a sample of another class gets no gradient from it.

    Args:
        logits: :math:`z`, ``(N, C)``; half precision is computed in float32.
        target: :math:`y`, class indices ``(N,)`` or soft labels ``(N, C)`` whose rows
            sum to 1. Of a soft label's own classes only a part is ignored, as the
            formula says, and the loss can be negative.
        ignored: :math:`\beta_{ik} T_\lambda(f_k)`, boolean, ``(N, C)``: whether class
            k is ignored for sample i if that is a sample of another class.

    Returns:
        Loss of each sample, ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not fit or, on the CPU, a label is out of range.

    Examples:
        >>> import torch
        >>> ignored = torch.tensor([[False, True, True]])
        >>> equalization_loss(torch.zeros(1, 3), torch.tensor([1]), ignored)  # log(2)
        tensor([0.6931])
    """
    check_logits_and_target(logits, target)
    if ignored.shape != logits.shape:
        raise ValueError(
            'Expected `ignored` to have the shape of the logits, '
            f'{tuple(logits.shape)}, but got {tuple(ignored.shape)}.'
        )
    logits = _upcast(logits)
    if not target.is_floating_point():
        index = target.long()
        # For log(0), a number whose exponential is 0: adding it takes a third of the
        # time of masking, and passes a gradient on as it is.
        log_weight = ignored.to(logits.dtype).mul_(-1e30)
        log_weight.scatter_(1, index[:, None], 0.0)
        return F.cross_entropy(log_weight.add_(logits), index, reduction='none')
    target = target.to(logits.dtype)
    log_weight = (1 - ignored.to(logits.dtype) * (1 - target)).log()
    return (logits + log_weight).logsumexp(dim=1) - (target * logits).sum(dim=1)
