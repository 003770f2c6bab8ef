"""Features and labels of the whole batch, on every rank."""

from typing import Any

import torch
from torch import Tensor

from mmgala.sharding.shards import ClassShards


class _Gather(torch.autograd.Function):
    """Gather rows; backward, sum their gradients and scale them for DDP."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, shards: ClassShards) -> Tensor:
        ctx.shards = shards
        return shards.all_gather(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        shards: ClassShards = ctx.shards
        return shards.reduce_scatter(gradients[0]) * shards.ranks, None


def gather_features(features: Tensor, shards: ClassShards) -> Tensor:
    """Features of the samples of all ranks, in the order of the ranks.

    The loss of the whole batch, which every rank computes for its own classes, sends
    each sample's gradient back to the rank that has the sample. There it is multiplied
    by the number of ranks: ``DistributedDataParallel`` averages the gradients of the
    backbone, and the average of these is the gradient of the whole batch's loss.

    Args:
        features: of this rank, ``(n, D)``; every rank has equally many.
        shards: shares of the classes.

    Returns:
        ``(R n, D)``.

    Raises:
        ValueError: on the CPU, if the ranks have batches of different size.
    """
    if features.device.type == 'cpu':  # elsewhere, reading the sizes would wait for it
        _check_sizes(len(features), shards)
    return features if shards.ranks == 1 else _Gather.apply(features, shards)


def _check_sizes(size: int, shards: ClassShards) -> None:
    sizes = shards.all_gather(torch.tensor([size])).tolist()
    if len(set(sizes)) > 1:
        raise ValueError(
            f'Ranks have batches of {sizes} samples, but with `shard_classes` all need '
            'equally many: use a sampler that pads, such as DefaultSampler, or '
            '`drop_last=True`.'
        )
