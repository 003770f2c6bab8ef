r"""Softmax losses on logits that are moved, scaled or clouded class by class.

Each is unreduced, takes half precision (computed in float32), class indices ``(N,)``
or soft labels ``(N, C)`` whose rows sum to 1, and costs O(N C). The vectors come from
:mod:`mmgala.functional.class_counts`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.checks import check_logits_and_target
from mmgala.functional.gala import _upcast, margin_cross_entropy


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax cross-entropy of class indices of any integer type, or soft labels."""
    soft = target.is_floating_point()
    target = target.to(logits.dtype) if soft else target.long()
    return F.cross_entropy(logits, target, reduction='none')


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
        ValueError: if shapes do not fit or, on the CPU, a label is out of range.

    Examples:
        >>> prior = torch.tensor([0.75, 0.25])
        >>> logit_adjusted_loss(torch.zeros(1, 2), torch.tensor([1]), prior.log())
        tensor([1.3863])
    """
    check_logits_and_target(logits, target)
    logits = _upcast(logits)
    return cross_entropy(logits + (tau * log_prior).to(logits.dtype), target)


def vector_scaling_loss(
    logits: Tensor, target: Tensor, factors: Tensor, offsets: Tensor
) -> Tensor:
    r"""Vector-scaling loss: logits are scaled and moved class by class.

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
        ValueError: if shapes do not fit or, on the CPU, a label is out of range.
    """
    check_logits_and_target(logits, target)
    logits = _upcast(logits)
    scaled = torch.addcmul(offsets.to(logits.dtype), logits, factors.to(logits.dtype))
    return cross_entropy(scaled, target)


def label_margin_loss(logits: Tensor, target: Tensor, margins: Tensor) -> Tensor:
    r"""Cross-entropy with the label's logit lowered by its class's margin.

    .. math:: L_i = -\log \frac{e^{z_{i y_i} - m_{y_i}}}
        {e^{z_{i y_i} - m_{y_i}} + \sum_{j \ne y_i} e^{z_{ij}}}

    That is LDAM (Cao et al., NeurIPS 2019, arXiv 1906.07413, section 3.2), with
    :math:`m_j = s \Delta_j` for logits that are :math:`s` times a cosine. A soft
    label :math:`t_i` lowers each logit by :math:`t_{ij} m_j`.

    Args:
        logits: :math:`z`, ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        margins: :math:`m`, ``(C,)``.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not fit or, on the CPU, a label is out of range.

    Examples:
        >>> margins = torch.tensor([1.0, 2.0])
        >>> label_margin_loss(torch.zeros(1, 2), torch.tensor([1]), margins)
        tensor([2.1269])
    """
    check_logits_and_target(logits, target)
    logits = _upcast(logits)
    if target.is_floating_point():
        margins = margins.to(logits.dtype)
        return cross_entropy(logits - target * margins, target)
    return margin_cross_entropy(logits, target, torch.zeros_like(margins), -margins)


def smoothed_cross_entropy(
    logits: Tensor, target: Tensor, smoothing: Tensor, include_label: bool = True
) -> Tensor:
    r"""Cross-entropy with labels that are smoothed class by class.

    A label of class k gives away :math:`\epsilon_k`, in equal shares to all C classes,
    itself included. That is the authors' code, and ``torch``'s ``label_smoothing``. In
    their paper only the other C - 1 classes get a share; both are the same loss for
    :math:`\epsilon` and :math:`\epsilon (C - 1) / C`.

    Source: label-aware smoothing of Zhong et al., CVPR 2021, arXiv 2104.00466, section
    3.2, and ``github.com/dvlab-research/MiSLAS``.

    Args:
        logits: ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``, smoothed each class
            by its own factor.
        smoothing: :math:`\epsilon`, ``(C,)``.
        include_label: whether the label gets a share, too.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not fit or, on the CPU, a label is out of range.

    Examples:
        >>> logits, target = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
        >>> smoothed_cross_entropy(logits, target, torch.tensor([0.2, 0.0]))
        tensor([0.3269])
        >>> smoothed_cross_entropy(logits, target, torch.tensor([0.2, 0.0]), False)
        tensor([0.5269])
    """
    check_logits_and_target(logits, target)
    log_p = _upcast(logits).log_softmax(dim=1)
    smoothing, num_classes = smoothing.to(log_p.dtype), logits.shape[1]
    # Written as `keep` of the label and `spread` of all classes.
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
    r"""Cross-entropy on Gaussian clouded logits, with the draws given.

    .. math:: L_i = -\log \mathrm{softmax}(z_{ij} - c_{ij} - m \, [j = y_i])_{y_i}

    Source: Li et al., CVPR 2022, arXiv 2305.11733.

    Args:
        logits: :math:`z`, ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        cloud: :math:`c`, what each logit is lowered by, ``(N, C)``.
        margin: :math:`m`, what the label's logit is lowered by beyond that.

    Returns:
        ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not fit or, on the CPU, a label is out of range.
    """
    check_logits_and_target(logits, target)
    logits = _upcast(logits)
    clouded = logits - cloud.to(logits.dtype)
    if margin == 0:
        return cross_entropy(clouded, target)
    margins = clouded.new_full(logits.shape[1:], margin)
    return label_margin_loss(clouded, target, margins)
