"""What one rank does in the tests of the sharded loss."""

import torch
import torch.distributed as dist
from torch import Tensor

from mmgala.sharding import (
    ClassShardLinear,
    ClassShards,
    gather_features,
    shard_statistics,
    sharded_cross_entropy,
    sharded_losses,
)
from tests.batches import random_logits, random_target

NUM_FEATURES, SAMPLES, STEPS = 5, 12, 3


def batch(num_classes: int, step: int) -> tuple[Tensor, Tensor]:
    """Inputs and labels of all ranks; more of the first classes."""
    inputs = random_logits(SAMPLES, NUM_FEATURES, step)
    label = random_target('hard', SAMPLES, num_classes, step + 50)
    return inputs, label.minimum(random_target('hard', SAMPLES, num_classes, step))


def parameters(num_classes: int) -> dict[str, Tensor]:
    """A layer that every rank has, and the classifier of all classes."""
    return dict(
        layer=random_logits(NUM_FEATURES, NUM_FEATURES, 7),
        weight=random_logits(num_classes, NUM_FEATURES, 8),
        bias=random_logits(1, num_classes, 9)[0],
    )


def share(values: Tensor, rank: int, world_size: int) -> Tensor:
    """This rank's samples."""
    return values.chunk(world_size)[rank]


def averaged(gradient: Tensor, world_size: int) -> Tensor:
    """What ``DistributedDataParallel`` does to gradients."""
    if world_size > 1:
        dist.all_reduce(gradient)
    return gradient / world_size


def build(rank: int, world_size: int, num_classes: int):
    """The common layer and this rank's share of the classifier."""
    shards = ClassShards.here(num_classes)
    assert (shards.rank, shards.ranks) == (rank, world_size)
    values = parameters(num_classes)
    layer = values['layer'].requires_grad_()
    linear = ClassShardLinear(NUM_FEATURES, shards).double()
    with torch.no_grad():
        linear.weight.copy_(shards.take(values['weight']))
        linear.bias.copy_(shards.take(values['bias']))
    return shards, layer, linear


def cross_entropy(rank: int, world_size: int, num_classes: int) -> dict:
    """Losses and gradients of one step with margins."""
    shards, layer, linear = build(rank, world_size, num_classes)
    inputs, label = batch(num_classes, 0)
    local = share(inputs, rank, world_size) @ layer
    logits = linear(gather_features(local, shards))
    bias, margin = random_logits(2, num_classes, 3)
    losses = sharded_cross_entropy(
        logits, label, shards, shards.take(bias), shards.take(margin)
    )
    losses.mean().backward()
    return dict(
        loss=losses.detach().numpy(),
        layer=averaged(layer.grad, world_size).numpy(),
        weight=linear.weight.grad.numpy(),
        bias=linear.bias.grad.numpy(),
    )


def train(rank: int, world_size: int, build_loss, num_classes: int) -> dict:
    """Losses, gradients and statistics of a few steps of a loss."""
    shards, layer, linear = build(rank, world_size, num_classes)
    loss = build_loss(num_classes)
    cut = shard_statistics(loss, shards)
    values, gradients = [], []
    for step in range(STEPS):
        inputs, label = batch(num_classes, step)
        weight = torch.arange(SAMPLES) % 3 / 2
        features = gather_features(share(inputs, rank, world_size) @ layer, shards)
        each = sharded_losses(loss, linear(features), label, shards, weight)
        total = loss.reduce(each, weight, 'mean', None)
        layer.grad = linear.weight.grad = None
        total.backward()
        values.append(float(total.detach()))
        gradients.append(
            (averaged(layer.grad, world_size).numpy(), linear.weight.grad.numpy())
        )
    state = {name: getattr(loss, name).numpy() for name in cut}
    return dict(values=values, gradients=gradients, state=state, cut=cut)
