"""Cross-entropy on logits that are shifted per class, and more at the label."""

import torch.nn.functional as F
from torch import Tensor


def upcast_half(logits: Tensor) -> Tensor:
    """Convert half precision to float32; float32 and float64 stay as they are."""
    return logits.float() if logits.element_size() < 4 else logits


def adjusted_logits(
    logits: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    label_margin: Tensor | None = None,
) -> Tensor:
    """Logits of :func:`adjusted_cross_entropy`; the same tensor without any shift."""
    adjusted = upcast_half(logits)
    if bias is not None:
        adjusted = adjusted + bias.to(adjusted.dtype)
    if label_margin is None:
        return adjusted
    margin = label_margin.to(adjusted.dtype)
    if target.is_floating_point():
        return adjusted + target.to(adjusted.dtype) * margin
    index = target.long()[:, None]
    return adjusted.scatter_add(1, index, margin[index])


def adjusted_cross_entropy(
    logits: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    label_margin: Tensor | None = None,
) -> Tensor:
    r"""Cross-entropy on ``logits + bias``, with a further margin at the label.

    .. math::
        \hat z_{ij} = z_{ij} + b_j + t_{ij} \delta_j

    With class indices, :math:`t` is 1 at the label and 0 elsewhere: the margin is added
    to one logit of each sample, and an ``(N, C)`` margin is never formed. The backward
    pass is that of cross-entropy, as constants do not change the gradient.

    Args:
        logits: ``(N, C)``. Half precision is computed in float32.
        target: class indices ``(N,)``, or soft labels :math:`t` of shape ``(N, C)``
            whose rows sum to 1. They are not checked.
        bias: :math:`b`, ``(C,)``, or ``None`` for 0.
        label_margin: :math:`\delta`, ``(C,)``, or ``None`` for 0.

    Returns:
        Unreduced loss, ``(N,)``, float32 or wider.
    """
    adjusted = adjusted_logits(logits, target, bias, label_margin)
    soft = target.is_floating_point()
    target = target.to(adjusted.dtype) if soft else target.long()
    return F.cross_entropy(adjusted, target, reduction='none')
