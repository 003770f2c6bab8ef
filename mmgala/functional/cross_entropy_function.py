"""Cross-entropy on shifted logits as one node of the autograd graph."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def shifted_log_softmax(
    logits: Tensor, index: Tensor, bias: Tensor | None, label_margin: Tensor | None
) -> Tensor:
    """Logarithms of the probabilities, computed in one new tensor.

    Args:
        logits: ``(N, C)``, float32 or wider.
        index: labels, ``(N, 1)``.
        bias: added to all logits, ``(C,)``, of their type.
        label_margin: added to the label's logit on top of that, ``(C,)``, likewise.

    Returns:
        ``(N, C)``.
    """
    if bias is None and label_margin is None:
        return logits.log_softmax(dim=1)
    shifted = logits.clone() if bias is None else logits + bias
    if label_margin is not None:
        shifted.scatter_add_(1, index, label_margin[index])
    if shifted.device.type != 'cpu':
        return shifted.log_softmax(dim=1)
    return torch.log_softmax(shifted, 1, out=shifted)  # while rows are in the cache


def scaled_exponential(values: Tensor, scale: Tensor) -> Tensor:
    """``values.exp() * scale`` in one pass, for values of 0 or less.

    It is the gradient of ELU, ``scale`` where the value is NaN.

    Args:
        values: ``(N, C)``.
        scale: ``(N, 1)``.
    """
    scale = scale.expand_as(values)
    return torch.ops.aten.elu_backward(scale, 1.0, 1.0, 1.0, False, values)


class ShiftedCrossEntropy(torch.autograd.Function):
    """Cross-entropy of each sample, and its mean.

    On large batches it takes no longer than cross-entropy by PyTorch's own operations,
    although it adds to the logits: these make a matrix of zeros in the backward pass,
    and read it again.
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        target: Tensor,
        bias: Tensor | None,
        label_margin: Tensor | None,
        log_softmax: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the losses.

        Args:
            ctx: of autograd.
            logits: ``(N, C)``, float32 or wider.
            target: class indices, ``(N,)`` int64.
            bias: ``(C,)`` of the same type, or ``None``; see
                :func:`shifted_log_softmax`.
            label_margin: likewise.
            log_softmax: gives the logarithms of the probabilities in a new tensor,
                instead of :func:`shifted_log_softmax`. What it adds to the logits is
                constant.

        Returns:
            Losses ``(N,)``; their mean; and logarithms of the probabilities,
            ``(N, C)``, through which second derivatives flow.
        """
        index = target.unsqueeze(1)
        if log_softmax is None:
            log_p = shifted_log_softmax(logits, index, bias, label_margin)
        else:
            log_p = log_softmax(logits)
        losses = log_p.gather(1, index).squeeze(1).neg_()
        ctx.save_for_backward(log_p, index, losses)
        ctx.set_materialize_grads(False)
        return losses, losses.mean(), log_p

    @staticmethod
    def backward(
        ctx: Any, grad: Tensor | None, of_mean: Tensor | None, of_log_p: Tensor | None
    ) -> tuple[Tensor | None, None, None, None, None]:
        """Gradient of the logits: probabilities, and minus 1 - p at the label."""
        log_p, index, losses = ctx.saved_tensors
        if of_mean is not None:
            share = (of_mean / len(index)).expand(len(index))
            grad = share if grad is None else grad + share
        result = None
        if grad is not None and torch.is_grad_enabled():  # second derivatives
            scale = grad.unsqueeze(1)
            result = (log_p.exp() * scale).scatter_add(1, index, -scale)
        elif grad is not None:
            result = scaled_exponential(log_p, grad.unsqueeze(1))
            at_label = losses.neg().expm1_().mul_(grad)  # NaN if the loss is
            result.scatter_(1, index, at_label.unsqueeze(1))
        if of_log_p is not None:
            part = of_log_p - log_p.exp() * of_log_p.sum(dim=1, keepdim=True)
            result = part if result is None else result + part
        return result, None, None, None, None
