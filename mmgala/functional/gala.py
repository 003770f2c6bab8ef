r"""Gradient-aware logit adjustment: margins, loss and gradient statistics.

Source: Zhang et al., *Gradient-Aware Logit Adjustment Loss for Long-tailed
Classifier*, ICASSP 2024, arXiv 2403.09036.

Symbols: logits :math:`z_{ij}` of sample :math:`i` and class :math:`j`, label
:math:`k = y_i`, :math:`\theta_j` = ``pos_grad``, :math:`\phi_k` = ``neg_grad``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.adjusted_cross_entropy import (
    adjusted_cross_entropy,
    upcast_half,
)
from mmgala.functional.checks import (
    check_logits_and_target,
    check_margin_arguments,
    check_statistics,
)


def margin_cross_entropy(
    logits: Tensor, target: Tensor, margin: Tensor, label_margin: Tensor
) -> Tensor:
    r"""Cross-entropy on ``logits + margin``, with a different margin at the label.

    .. math::
        \hat z_{ij} = z_{ij} + m_j \;(j \ne y_i), \qquad
        \hat z_{i y_i} = z_{i y_i} + l_{y_i}

    Every method that shifts the logit of a class by one constant for its own samples
    and by another for all others has this form. It costs one pass more than plain
    cross-entropy: an ``(N, C)`` margin is never formed, and the backward pass is that
    of cross-entropy, since adding constants does not change the gradient.

    Args:
        logits: ``(N, C)``. Half precision is computed in float32.
        target: class indices, ``(N,)``.
        margin: :math:`m`, ``(C,)``.
        label_margin: :math:`l`, ``(C,)``.

    Returns:
        Unreduced loss, ``(N,)``, float32 or wider.
    """
    return adjusted_cross_entropy(logits, target, margin, label_margin - margin)


def soft_label_margin(target: Tensor, margin: Tensor, label_margin: Tensor) -> Tensor:
    r"""Margins of :func:`margin_cross_entropy` for soft labels.

    .. math:: M_{ij} = (1 - t_{ij}) \, m_j - \sum_{k \ne j} t_{ik} \, l_k

    A one-hot label gives :math:`m_j - l_k` for :math:`j \ne k` and 0 at the label.
    Softmax ignores the constant :math:`l_k`, so this equals :math:`m_j` for
    :math:`j \ne k` and :math:`l_k` at the label.

    Args:
        target: :math:`t`, ``(N, C)``, rows sum to 1.
        margin: :math:`m`, ``(C,)``.
        label_margin: :math:`l`, ``(C,)``.

    Returns:
        ``(N, C)``.
    """
    target = target.to(margin.dtype)
    # No matrix product: autocast would round it to half precision.
    weighted = target * label_margin
    others = weighted.sum(dim=1, keepdim=True) - weighted
    return (1 - target) * margin - others


def gala_margin(
    pos_grad: Tensor,
    neg_grad: Tensor,
    target: Tensor,
    lambda_pos: float = 1.0,
    lambda_neg: float = 1.0,
    eps: float = 1e-3,
) -> Tensor:
    r"""Margins that GALA adds to the logits (arXiv 2403.09036, section 3).

    .. math::
        m_{ij} = \lambda_+ (1 - t_{ij}) \log(\theta_j + \epsilon)
            - \lambda_- \sum_{k \ne j} t_{ik} \log(\phi_k + \epsilon)

    For a class index :math:`k` that is
    :math:`\lambda_+ \log(\theta_j + \epsilon) - \lambda_- \log(\phi_k + \epsilon)`
    for :math:`j \ne k` and 0 at the label.

    Args:
        pos_grad: :math:`\theta`, accumulated positive gradient, ``(C,)``.
        neg_grad: :math:`\phi`, accumulated negative gradient, ``(C,)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        lambda_pos: :math:`\lambda_+`.
        lambda_neg: :math:`\lambda_-`.
        eps: :math:`\epsilon`, keeps the logarithm finite at the start.

    Returns:
        Margins ``(N, C)``, to be added to the logits.

    Raises:
        ValueError: if the shapes do not match, or an argument is out of range.

    Examples:
        >>> theta = phi = torch.tensor([9.999, 0.999])
        >>> gala_margin(theta, phi, torch.tensor([0, 1]))
        tensor([[ 0.0000, -2.3026],
                [ 2.3026,  0.0000]])
    """
    num_classes = pos_grad.numel()
    check_margin_arguments(lambda_pos, lambda_neg, eps)
    check_statistics(pos_grad, neg_grad, num_classes)
    log_pos = lambda_pos * torch.log(pos_grad + eps)
    log_neg = lambda_neg * torch.log(neg_grad + eps)
    if target.is_floating_point():
        check_logits_and_target(target, target)
        check_statistics(pos_grad, neg_grad, target.shape[1])
        return soft_label_margin(target, log_pos, log_neg)
    check_logits_and_target(log_pos.expand(len(target), -1), target)
    index = target.long()[:, None]
    return (log_pos - log_neg[index]).scatter(1, index, 0.0)


def gala_loss(
    logits: Tensor,
    target: Tensor,
    pos_grad: Tensor,
    neg_grad: Tensor,
    lambda_pos: float = 1.0,
    lambda_neg: float = 1.0,
    eps: float = 1e-3,
) -> Tensor:
    r"""GALA loss, unreduced: cross-entropy on the logits plus :func:`gala_margin`.

    With class indices the margin is not formed: softmax ignores a constant that is
    added to a whole row, so :math:`\lambda_+ \log(\theta_j + \epsilon)` on the other
    classes and :math:`\lambda_- \log(\phi_k + \epsilon)` on the label give the same
    loss and gradient.

    Args:
        logits: ``(N, C)``; half precision is computed in float32.
        target: class indices ``(N,)`` or soft labels ``(N, C)`` whose rows sum to 1.
        pos_grad: :math:`\theta`, ``(C,)``.
        neg_grad: :math:`\phi`, ``(C,)``.
        lambda_pos: :math:`\lambda_+`.
        lambda_neg: :math:`\lambda_-`.
        eps: :math:`\epsilon`.

    Returns:
        Loss of each sample, ``(N,)``.

    Raises:
        ValueError: if shapes do not match, an argument is out of range or, on the CPU,
            a label or a statistic is.

    Examples:
        >>> logits = torch.zeros(1, 2)
        >>> head, tail = torch.tensor([99.999, 0.999])
        >>> theta = phi = torch.stack([head, tail])
        >>> gala_loss(logits, torch.tensor([1]), theta, phi)  # log(1 + 100)
        tensor([4.6151])
    """
    check_logits_and_target(logits, target)
    check_margin_arguments(lambda_pos, lambda_neg, eps)
    check_statistics(pos_grad, neg_grad, logits.shape[1])
    if target.is_floating_point():
        logits = upcast_half(logits)
        margin = gala_margin(pos_grad, neg_grad, target, lambda_pos, lambda_neg, eps)
        return F.cross_entropy(
            logits + margin.to(logits.dtype), target.to(logits.dtype), reduction='none'
        )
    return margin_cross_entropy(
        logits,
        target,
        margin=lambda_pos * torch.log(pos_grad + eps),
        label_margin=lambda_neg * torch.log(neg_grad + eps),
    )


@torch.no_grad()
def gradient_sum_from_loss(
    loss: Tensor, target: Tensor, num_classes: int, weight: Tensor | None = None
) -> Tensor:
    r"""Logit-gradient sum of a batch with class indices, in O(N + C).

    It follows from the unreduced loss, as :math:`p_{ik} = e^{-loss_i}`. The logit
    gradients of a row sum to zero, so the positive gradient of the label's weight
    vector equals the negative gradients of all others: the result is the batch's
    contribution to both :math:`\theta` and :math:`\phi`.

    Args:
        loss: unreduced softmax cross-entropy on the adjusted logits, ``(N,)``.
        target: class indices, ``(N,)``.
        num_classes: C, the number of classes.
        weight: weight of each sample in the sums, ``(N,)``. Defaults to 1.

    Returns:
        ``(C,)`` float32. Samples whose loss is not finite are ignored.
    """
    grad = label_gradient(loss, weight)
    return grad.new_zeros(num_classes).index_add_(0, target.long(), grad, alpha=-1)


def label_gradient(loss: Tensor, weight: Tensor | None = None) -> Tensor:
    """Gradient of softmax cross-entropy at the label's logit: :math:`e^{-loss} - 1`.

    Args:
        loss: of each sample, ``(N,)``, detached.
        weight: factor of each sample, ``(N,)``. Defaults to 1.

    Returns:
        ``(N,)`` float32; 0 where the loss is not finite.
    """
    # Few operations, all in place: on small batches, their overhead dominates.
    grad = loss.float().nan_to_num(nan=0.0, posinf=0.0).neg_().expm1_()
    return grad if weight is None else grad.mul_(weight)


@torch.no_grad()
def logit_gradient_sums(
    adjusted_logits: Tensor, target: Tensor, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""Magnitude of a batch's logit gradients, summed per class.

    .. math::
        \theta_j \leftarrow \theta_j + \sum_i \max(t_{ij} - p_{ij}, 0), \qquad
        \phi_k \leftarrow \phi_k + \sum_i t_{ik} \sum_j \max(p_{ij} - t_{ij}, 0)

    with :math:`p_i` the softmax of the adjusted logits. Sums are per sample: they do
    not depend on batch size, loss weight or loss scale.

    Args:
        adjusted_logits: logits with the margin added, ``(N, C)``.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        weight: weight of each sample in the sums, ``(N,)``. Defaults to 1.

    Returns:
        ``(pos, neg)``, each ``(C,)`` float32: what to add to :math:`\theta` and
        :math:`\phi`. Samples with non-finite probabilities are ignored.

    Raises:
        ValueError: if shapes do not match or, on the CPU, a label is out of range.

    Examples:
        >>> logits = torch.zeros(1, 4)
        >>> logit_gradient_sums(logits, torch.tensor([2]))[0]
        tensor([0.0000, 0.0000, 0.7500, 0.0000])
    """
    check_logits_and_target(adjusted_logits, target)
    logits = upcast_half(adjusted_logits)
    if not target.is_floating_point():
        loss = F.cross_entropy(logits, target.long(), reduction='none')
        pos = gradient_sum_from_loss(loss, target, logits.shape[1], weight)
        return pos, pos.clone()
    gap = target.to(logits.dtype) - logits.softmax(dim=1)
    gap = torch.where(torch.isfinite(gap).all(dim=1, keepdim=True), gap, 0.0)
    if weight is not None:
        gap = gap * weight[:, None]
    pos = gap.clamp(min=0).sum(dim=0)
    # No matrix product: autocast would round it to half precision.
    neg = (target * (-gap).clamp(min=0).sum(dim=1, keepdim=True)).sum(dim=0)
    return pos.float(), neg.float()
