"""Cross-entropy on logits of which each rank has some columns."""

from typing import Any

import torch
from torch import Tensor

from mmgala.sharding.shards import ClassShards


class _CrossEntropy(torch.autograd.Function):
    """Softmax over all ranks: two reductions of the forward pass, none backward."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        mine: Tensor,
        column: Tensor,
        bias: Tensor | None,
        label_margin: Tensor | None,
        shards: ClassShards,
    ) -> Tensor:
        wide = torch.promote_types(logits.dtype, torch.float32)
        rows = torch.arange(len(logits), device=logits.device)
        adjusted = logits.to(wide, copy=True) if bias is None else logits + bias
        highest = adjusted.new_full((len(adjusted), 1), -torch.inf)
        sums = adjusted.new_zeros(2, len(adjusted))
        empty = not adjusted.shape[1]  # the last ranks may have no class
        if label_margin is not None and not empty:
            margin = torch.where(mine, label_margin[column], 0).to(adjusted.dtype)
            adjusted[rows, column] += margin
        if not empty:
            highest = adjusted.amax(dim=1, keepdim=True)
        adjusted -= shards.all_reduce(highest, 'max')
        if not empty:
            sums[1] = torch.where(mine, adjusted[rows, column], 0)
        torch.sum(adjusted.exp_(), dim=1, out=sums[0])
        total, at_label = shards.all_reduce(sums)
        ctx.save_for_backward(adjusted, total, mine, column)
        ctx.dtype = logits.dtype
        return total.log() - at_label

    @staticmethod
    def backward(
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, None, None, None, None, None]:
        (gradient,) = gradients
        exponentials, total, mine, column = ctx.saved_tensors
        result = exponentials * (gradient / total)[:, None]
        if result.shape[1]:
            rows = torch.arange(len(result), device=result.device)
            result[rows, column] -= torch.where(mine, gradient, 0)
        return result.to(ctx.dtype), None, None, None, None, None


def sharded_cross_entropy(
    logits: Tensor,
    label: Tensor,
    shards: ClassShards,
    bias: Tensor | None = None,
    label_margin: Tensor | None = None,
    columns: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of each sample, if every rank has the logits of its classes.

    Every rank gets the same losses, and its gradient is that of its own logits. Like
    ``torch.distributed.tensor.parallel.loss_parallel``, this reduces the maximum and
    the sum over the ranks, and nothing in the backward pass; unlike it, it returns the
    loss of each sample with margins, lets the backward pass run anywhere, and accepts
    ranks without a class. Nothing waits for the device.

    Args:
        logits: of all samples, for the classes of this rank, ``(N, C / R)``.
        label: class indices among all C classes, ``(N,)``, the same on every rank.
        shards: shares of the classes.
        bias: added to the logits, one value for each column; no gradient.
        label_margin: added to the label's logit on top of that, likewise.
        columns: the classes that the columns are of, if they are not all classes of
            this rank: ascending indices within its share, the labels of this rank
            among them.

    Returns:
        ``(N,)`` float32, or float64 for logits of that type.
    """
    mine, index = shards.own(label)
    if columns is not None:
        found = torch.searchsorted(columns, index)
        index = torch.where(mine, found, 0)
    return _CrossEntropy.apply(logits, mine, index, bias, label_margin, shards)
