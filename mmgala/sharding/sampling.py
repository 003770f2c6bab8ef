"""A sample of a rank's classes in place of all: the labels, and some of the others."""

import math

import torch
from torch import Tensor

from mmgala.sharding.shards import ClassShards


def drawn_classes(size: int, rate: float, samples: int) -> int:
    """Number of classes that :func:`sample_classes` draws.

    Args:
        size: classes of the rank.
        rate: share of them to draw.
        samples: N, the samples of the whole batch.
    """
    return min(size, max(math.ceil(rate * size), samples + 1))


def sample_classes(
    label: Tensor, shards: ClassShards, rate: float
) -> tuple[Tensor, Tensor]:
    r"""Draw classes of this rank, and what their logits need in return.

    The labels of the batch are always drawn. Each other class is drawn with the same
    probability q, and its logit gets :math:`\log(1 / q)`: then the expected sum of the
    exponentials, the partition function of the softmax, is that of all classes. Source:
    An et al., *Partial FC*, ICCVW 2021, arXiv 2010.05222, which leaves out the
    correction.

    Args:
        label: class indices of the whole batch, ``(N,)``.
        shards: shares of the classes.
        rate: share of the classes to draw, above 0 and at most 1. At least N + 1
            are drawn where there are so many, so that it is never labels alone.

    Returns:
        Ascending indices within this rank's share, ``(K,)`` int64, and the correction
        of each, float32.
    """
    drawn = drawn_classes(shards.size, rate, len(label))
    mine, index = shards.own(label)
    positive = torch.zeros(shards.size, device=label.device)
    if shards.size:
        positive.index_put_((index,), mine.float(), accumulate=True)
    positive = positive > 0
    order = torch.rand(shards.size, device=label.device)
    order.masked_fill_(positive, 2.0)
    classes = order.topk(drawn, sorted=False).indices.sort().values
    labels = positive.sum()
    others = (shards.size - labels).clamp(min=1)
    correction = (others / (drawn - labels).clamp(min=1)).log()
    return classes, torch.where(positive[classes], 0.0, correction)
