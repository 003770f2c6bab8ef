"""Cross-entropy on logits that are shifted per class, and more at the label."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.checks import capturing
from mmgala.functional.cross_entropy_function import ShiftedCrossEntropy

# No label is ignored; PyTorch's default would hide those of -100.
NO_INDEX = -(2**31)
# Number of logits from which `ShiftedCrossEntropy` is faster than PyTorch's operations.
ONE_NODE = dict(cpu=2**19, cuda=2**24)
# Logits of a block of rows that passes one after another find in the cache of a CPU.
BLOCK = 2**18


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
        adjusted = adjusted + _stored(_of_type(bias, adjusted.dtype))
    if label_margin is None:
        return adjusted
    margin = label_margin.to(adjusted.dtype)
    if target.is_floating_point():
        return adjusted + target.to(adjusted.dtype) * margin
    index = target.long()[:, None]
    return adjusted.scatter_add(1, index, margin[index])


def _of_type(values: Tensor, dtype: torch.dtype) -> Tensor:
    # Even a conversion that has nothing to do takes as long as adding small tensors.
    return values if values.dtype == dtype else values.to(dtype)


def _stored(bias: Tensor) -> Tensor:
    """Keep a compiler from computing the values again for each sample.

    Inductor would move the logarithms of GALA's statistics into its loops over the
    logits. It stores what a strided view is taken of.
    """
    return bias.as_strided(bias.shape, bias.stride()) if capturing() else bias


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
    soft = target.is_floating_point()
    if not soft and _is_large(logits):
        return _as_one_node(logits, target, bias, label_margin)[0]
    adjusted = adjusted_logits(logits, target, bias, label_margin)
    target = target.to(adjusted.dtype) if soft else target.long()
    if soft:
        return F.cross_entropy(adjusted, target, reduction='none')
    return F.cross_entropy(adjusted, target, ignore_index=NO_INDEX, reduction='none')


def mean_cross_entropy(
    logits: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    label_margin: Tensor | None = None,
    each: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """Mean of :func:`adjusted_cross_entropy`, and the losses of the samples.

    With PyTorch's operations, the mean of separate losses takes longer than a loss that
    is a mean from the start.

    Args:
        logits: ``(N, C)``.
        target: class indices ``(N,)``. They are not checked.
        bias: ``(C,)``, or ``None`` for 0.
        label_margin: ``(C,)``, or ``None`` for 0.
        each: whether the losses of the samples are needed.

    Returns:
        A scalar; and losses ``(N,)``, detached, or ``None`` if they are not needed.
    """
    if _is_large(logits):
        losses, mean = _as_one_node(logits, target, bias, label_margin)
        return mean, losses.detach()
    target = target.long()
    adjusted = adjusted_logits(logits, target, bias, label_margin)
    if not each:
        return F.cross_entropy(adjusted, target, ignore_index=NO_INDEX), None
    log_p = adjusted.log_softmax(1)
    mean = F.nll_loss(log_p, target, ignore_index=NO_INDEX)
    return mean, F.nll_loss(log_p.detach(), target, None, None, NO_INDEX, None, 'none')


def factor_cross_entropy(
    logits: Tensor, target: Tensor, log_factors: Callable[[Tensor, slice], Tensor]
) -> Tensor:
    r"""Cross-entropy on ``logits + log_factors``, a constant for each logit.

    Args:
        logits: ``(N, C)``, float32 or wider.
        target: class indices, ``(N,)``. They are not checked.
        log_factors: computes them in a new tensor, from detached logits of some rows
            and the slice of these rows. It is called in order of the rows, which are
            few at a time where that is faster.

    Returns:
        Unreduced loss, ``(N,)``.
    """
    if not _is_large(logits):
        with torch.no_grad():
            factors = log_factors(logits.detach(), slice(0, len(logits)))
        return adjusted_cross_entropy(factors.add_(logits), target)

    def log_softmax(values: Tensor) -> Tensor:
        on_cpu = values.device.type == 'cpu'
        rows = max(1, BLOCK // values.shape[1]) if on_cpu else len(values)
        log_p = torch.empty_like(values)
        for start in range(0, len(values), rows):
            block = slice(start, min(start + rows, len(values)))
            shifted = log_factors(values[block], block).add_(values[block])
            torch.log_softmax(shifted, 1, out=log_p[block])
        return log_p

    return ShiftedCrossEntropy.apply(logits, target.long(), None, None, log_softmax)[0]


def _is_large(logits: Tensor) -> bool:
    """Whether passes over the logits take longer than a node in Python."""
    size = logits.numel()
    return (
        size >= min(ONE_NODE.values())  # asking for the device takes longer
        and size >= ONE_NODE.get(logits.device.type, math.inf)
        and not capturing()
        and not torch._C._are_functorch_transforms_active()
    )


def _as_one_node(
    logits: Tensor, target: Tensor, bias: Tensor | None, label_margin: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Losses of the samples, and their mean."""
    logits = upcast_half(logits)
    bias, label_margin = (
        None if values is None else values.to(logits.dtype)
        for values in (bias, label_margin)
    )
    losses, mean, _ = ShiftedCrossEntropy.apply(
        logits, target.long(), bias, label_margin
    )
    return losses, mean
