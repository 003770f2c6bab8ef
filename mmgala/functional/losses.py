r"""Softmax losses with per-class margins, scales or noise on the logits.

All are unreduced and cost O(N C). Half precision is computed in float32. Unless stated
otherwise, targets are class indices ``(N,)`` or soft labels ``(N, C)`` whose rows sum
to 1. The class vectors come from :mod:`mmgala.functional.class_priors`.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.adjusted_cross_entropy import (
    adjusted_cross_entropy,
    factor_cross_entropy,
    upcast_half,
)
from mmgala.functional.checks import (
    check_logits_and_target,
    check_not_negative,
    check_positive,
)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax cross-entropy with class indices of any integer type, or soft labels."""
    return adjusted_cross_entropy(logits, target)


def sigmoid_focal_loss(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    r"""Sigmoid focal loss of each class, without :math:`\alpha`.

    Source: Lin et al., ICCV 2017, arXiv 1708.02002, equation 4; the values of
    torchvision's function of this name with ``alpha=-1``.

    Args:
        logits: ``(N, C)``.
        target: probability of each class, ``(N, C)``, of the type of the logits.
        gamma: focusing parameter, 0 or more.

    Returns:
        ``(N, C)``.
    """
    prob = torch.sigmoid(logits)
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
    prob_of_target = prob * target + (1 - prob) * (1 - target)
    return loss * (1 - prob_of_target) ** gamma


def logit_adjusted_loss(
    logits: Tensor, target: Tensor, log_prior: Tensor, tau: float = 1.0
) -> Tensor:
    r"""Logit-adjusted softmax cross-entropy.

    .. math:: L_i = -\log \frac{\pi_{y_i}^\tau e^{z_{i y_i}}}
        {\sum_j \pi_j^\tau e^{z_{ij}}}

    Source: Menon et al., *Long-tail Learning via Logit Adjustment*, ICLR 2021,
    arXiv 2007.07314, equation 10. With :math:`\tau = 1` it is balanced softmax (Ren et
    al., *Balanced Meta-Softmax for Long-Tailed Visual Recognition*, NeurIPS 2020,
    arXiv 2007.10740).

    Args:
        logits: :math:`z`, ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        log_prior: :math:`\log \pi`, ``(C,)``; a constant added to it has no effect.
        tau: :math:`\tau`.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not match or, on the CPU, a label is out of range.

    Examples:
        >>> prior = torch.tensor([0.75, 0.25])
        >>> logit_adjusted_loss(torch.zeros(1, 2), torch.tensor([1]), prior.log())
        tensor([1.3863])
    """
    check_logits_and_target(logits, target)
    check_not_negative('tau', tau)
    return adjusted_cross_entropy(logits, target, bias=tau * log_prior)


def vector_scaling_loss(
    logits: Tensor, target: Tensor, factors: Tensor, offsets: Tensor
) -> Tensor:
    r"""Vector-scaling loss: logits are scaled and shifted per class.

    .. math:: L_i = -\log \frac{e^{\Delta_{y_i} z_{i y_i} + \iota_{y_i}}}
        {\sum_j e^{\Delta_j z_{ij} + \iota_j}}

    Source: Kini et al., NeurIPS 2021, arXiv 2103.01550, without the
    weights :math:`\omega`.

    Args:
        logits: :math:`z`, ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        factors: :math:`\Delta`, ``(C,)``.
        offsets: :math:`\iota`, ``(C,)``.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not match or, on the CPU, a label is out of range.
    """
    check_logits_and_target(logits, target)
    logits = upcast_half(logits)
    scaled = torch.addcmul(offsets.to(logits.dtype), logits, factors.to(logits.dtype))
    return cross_entropy(scaled, target)


def label_margin_loss(logits: Tensor, target: Tensor, margins: Tensor) -> Tensor:
    r"""Cross-entropy with the label's logit lowered by its class's margin.

    .. math:: L_i = -\log \frac{e^{z_{i y_i} - m_{y_i}}}
        {e^{z_{i y_i} - m_{y_i}} + \sum_{j \ne y_i} e^{z_{ij}}}

    This is LDAM (Cao et al., NeurIPS 2019, arXiv 1906.07413, section 3.2), with
    :math:`m_j = s \Delta_j` for logits that are :math:`s` times a cosine. A soft
    label :math:`t_i` lowers each logit by :math:`t_{ij} m_j`.

    Args:
        logits: :math:`z`, ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        margins: :math:`m`, ``(C,)``.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not match or, on the CPU, a label is out of range.

    Examples:
        >>> margins = torch.tensor([1.0, 2.0])
        >>> label_margin_loss(torch.zeros(1, 2), torch.tensor([1]), margins)
        tensor([2.1269])
    """
    check_logits_and_target(logits, target)
    return adjusted_cross_entropy(logits, target, label_margin=-margins)


def smoothed_cross_entropy(
    logits: Tensor, target: Tensor, smoothing: Tensor, include_label: bool = True
) -> Tensor:
    r"""Cross-entropy with label smoothing whose strength depends on the class.

    A label of class k spreads :math:`\epsilon_k` evenly over all C classes, including
    its own, as in the authors' code and in ``torch``'s ``label_smoothing``. Their paper
    spreads it over the other C - 1 classes only; with
    :math:`\epsilon (C - 1) / C`, that is the same loss.

    Source: label-aware smoothing of Zhong et al., CVPR 2021, arXiv 2104.00466, section
    3.2, and ``github.com/dvlab-research/MiSLAS``.

    Args:
        logits: ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``, where each class is
            smoothed by its own factor.
        smoothing: :math:`\epsilon`, ``(C,)``.
        include_label: whether to spread over the label's own class, too.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not match or, on the CPU, a label is out of range.

    Examples:
        >>> logits, target = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
        >>> smoothed_cross_entropy(logits, target, torch.tensor([0.2, 0.0]))
        tensor([0.3269])
        >>> smoothed_cross_entropy(logits, target, torch.tensor([0.2, 0.0]), False)
        tensor([0.5269])
    """
    check_logits_and_target(logits, target)
    log_p = upcast_half(logits).log_softmax(dim=1)
    smoothing, num_classes = smoothing.to(log_p.dtype), logits.shape[1]
    # Equals `keep` at the label plus `spread` at all classes.
    spread = smoothing / (num_classes if include_label else num_classes - 1)
    keep = 1 - num_classes * spread
    if target.is_floating_point():
        target = target.to(log_p.dtype)
        own, shared = (target * keep * log_p).sum(dim=1), (target * spread).sum(dim=1)
    else:
        index = target.long()
        own = keep[index] * log_p.gather(1, index[:, None]).squeeze(1)
        shared = spread[index]
    return -own - shared * log_p.sum(dim=1)


def clouded_loss(
    logits: Tensor, target: Tensor, cloud: Tensor, margin: float = 0.0
) -> Tensor:
    r"""Cross-entropy on Gaussian clouded logits, with given noise.

    .. math:: L_i = -\log \mathrm{softmax}(z_{ij} - c_{ij} - m \, [j = y_i])_{y_i}

    Source: Li et al., CVPR 2022, arXiv 2305.11733.

    Args:
        logits: :math:`z`, ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        cloud: :math:`c`, noise to subtract from the logits, ``(N, C)``.
        margin: :math:`m`, also subtracted from the logit of the label.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not match or, on the CPU, a label is out of range.
    """
    check_logits_and_target(logits, target)
    check_not_negative('margin', margin)
    logits = upcast_half(logits)
    clouded = logits - cloud.to(logits.dtype)
    if margin == 0:
        return cross_entropy(clouded, target)
    margins = clouded.new_full(logits.shape[1:], margin)
    return label_margin_loss(clouded, target, margins)


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

    with :math:`k = y_i` and :math:`\sigma = \mathrm{softmax}(z)`, through which no
    gradient flows. No C x C matrix is formed.

    Args:
        logits: :math:`z`, ``(N, C)``; half precision is computed in float32.
        target: class indices, ``(N,)``.
        seen: :math:`N`, samples of each class so far, ``(C,)``; clamped to at least 1.
        p: exponent of the mitigation factor, 0 or more.
        q: exponent of the compensation factor, 0 or more.
        eps: :math:`\epsilon`, lower bound of the label's probability as a divisor.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: on soft labels, if shapes do not match or, on the CPU, a label is
            out of range.
    """
    check_logits_and_target(logits, target)
    check_not_negative('p', p)
    check_not_negative('q', q)
    check_positive('eps', eps)
    if target.is_floating_point():
        raise ValueError(
            'Seesaw loss compares the label with every other class: it needs class '
            'indices, not soft labels. Take mixup and CutMix out of the config.'
        )
    logits, labels = upcast_half(logits), target.long()[:, None]
    log_seen = p * seen.clamp(min=1).to(logits.dtype).log()

    def log_factors(values: Tensor, rows: slice) -> Tensor:
        # Softmax ignores the constant part of each row in p log(min(1, N_j / N_k)):
        # leaving it out saves a pass.
        index = labels[rows]
        factors = torch.minimum(log_seen, log_seen[index])
        if q > 0:
            # log(sigma_ij / max(sigma_ik, eps)), in the memory of the first.
            ratios = values.log_softmax(dim=1)
            ratios.sub_(ratios.gather(1, index).clamp_(min=math.log(eps)))
            factors.add_(ratios.clamp_(min=0), alpha=q)
        return factors.scatter_(1, index, log_seen[index])

    return factor_cross_entropy(logits, target, log_factors)


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
            sum to 1. By the formula, classes of a soft label are ignored only in
            part, and the loss can be negative.
        ignored: :math:`\beta_{ik} T_\lambda(f_k)`, boolean, ``(N, C)``: whether class
            k is ignored for sample i if i is of another class.

    Returns:
        Loss of each sample, ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not match or, on the CPU, a label is out of range.

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
    logits = upcast_half(logits)
    if not target.is_floating_point():
        index = target.long()[:, None]

        def log_factors(values: Tensor, rows: slice) -> Tensor:
            # Instead of log(0), a number whose exponential is 0: adding it takes a
            # third of the time of masking, and does not change the gradient.
            log_weight = ignored[rows].to(values.dtype).mul_(-1e30)
            return log_weight.scatter_(1, index[rows], 0.0)

        return factor_cross_entropy(logits, target, log_factors)
    target = target.to(logits.dtype)
    log_weight = (1 - ignored.to(logits.dtype) * (1 - target)).log()
    return (logits + log_weight).logsumexp(dim=1) - (target * logits).sum(dim=1)
