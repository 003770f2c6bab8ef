"""Losses whose statistics are shared out among the ranks with the classes."""

from typing import Any

import torch
from torch import Tensor

from mmgala.losses import ClassCountsLoss, ClassificationLoss, LogitAdjustment
from mmgala.sharding.cross_entropy import sharded_cross_entropy
from mmgala.sharding.shards import ClassShards


def require_adjustment(loss: Any) -> LogitAdjustment:
    """Shifts of the logits that make a loss cross-entropy.

    Raises:
        ValueError: if the loss is of another form, or needs class counts that are
            unknown.
    """
    shifts = loss.adjustment() if isinstance(loss, ClassificationLoss) else None
    if shifts is None:
        raise ValueError(
            f'{type(loss).__name__} is not cross-entropy on shifted logits, which '
            '`shard_classes` needs: use GALALoss (plain cross-entropy with '
            'lambda_pos=0, lambda_neg=0), BalancedSoftmaxLoss, LogitAdjustmentLoss, '
            'ClassBalancedLoss or LDAMLoss.'
        )
    return shifts


def shard_statistics(loss: Any, shards: ClassShards) -> dict[str, int]:
    """Cut the statistics of a loss down to the classes of this rank, in place.

    A loss with class counts keeps them all, 12 or 16 bytes for each class: they are
    known before the training, and some are normalised over the classes.

    Args:
        loss: of all classes; each rank will show it the whole batch.
        shards: shares of the classes.

    Returns:
        Names of the buffers that were cut, and the dimension of their classes.

    Raises:
        ValueError: if the loss is not cross-entropy on shifted logits, or a margin
            depends on all classes at once.
    """
    if not isinstance(loss, ClassCountsLoss) or loss.class_counts.any():
        require_adjustment(loss)  # or else at the first step, when the counts are known
    if isinstance(loss, ClassCountsLoss):
        return {}
    for name in ('label_margin', 'lead_memory'):
        if value := getattr(loss, name, 0):
            raise ValueError(
                f'`{name}={value}` compares the errors of all classes, which no rank '
                'knows: leave it out with `shard_classes`.'
            )
    cut = {name: values.ndim - 1 for name, values in loss.statistics.items()}
    for name, dim in cut.items():
        setattr(loss, name, shards.take(getattr(loss, name), dim).clone())
    if cut:
        loss.num_classes = shards.size
        loss.sees_whole_batch = True
    return cut


def sharded_losses(
    loss: ClassificationLoss,
    logits: Tensor,
    label: Tensor,
    shards: ClassShards,
    weight: Tensor | None = None,
    counted: Tensor | None = None,
    columns: Tensor | None = None,
    correction: Tensor | None = None,
) -> Tensor:
    """Loss of each sample of the whole batch; updates the statistics of the loss.

    Args:
        loss: after :func:`shard_statistics`.
        logits: for the classes of this rank, ``(N, C / R)``; or for ``columns``.
        label: class indices, ``(N,)``, the same on every rank.
        shards: shares of the classes.
        weight: weight of each sample in the statistics, ``(N,)``.
        counted: whether each sample is counted in the statistics, ``(N,)``.
        columns: classes drawn by :func:`sample_classes`, if not all are.
        correction: of their logits.

    Returns:
        ``(N,)``, the same on every rank.

    Raises:
        ValueError: if the loss is not cross-entropy on shifted logits, or has no class
            counts yet.
    """
    shifts = require_adjustment(loss)
    bias, margin = (
        _of_columns(values, shards, columns)
        for values in (shifts.bias, shifts.label_margin)
    )
    if correction is not None:
        bias = correction if bias is None else bias + correction
    each = sharded_cross_entropy(logits, label, shards, bias, margin, columns)
    if counted is None:
        counted = torch.ones_like(label, dtype=torch.bool)
    _observe(loss, each.detach(), label, shards, weight, counted)
    return loss.weigh(each, label)


def _of_columns(
    values: Tensor | None, shards: ClassShards, columns: Tensor | None
) -> Tensor | None:
    """Values of this rank's classes, of those that logits were computed for."""
    if values is None:
        return None
    own = values if len(values) == shards.size else shards.take(values)
    return own if columns is None else own[columns]


def _observe(
    loss: ClassificationLoss,
    each: Tensor,
    label: Tensor,
    shards: ClassShards,
    weight: Tensor | None,
    counted: Tensor,
) -> None:
    """Show the whole batch to this rank's statistics; labels of others weigh nothing.

    They are shown too, as the number of samples in a batch may matter.
    """
    if not shards.size or not loss.statistics or isinstance(loss, ClassCountsLoss):
        return  # no batch changes class counts
    mine, index = shards.own(label)
    weight = torch.ones_like(each) if weight is None else weight
    loss.observe(each, index, torch.where(mine & counted, weight, 0))
