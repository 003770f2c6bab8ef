"""What one rank does in the tests of predictions over shared-out classes."""

import torch

from mmgala.sharding import ClassShards
from mmgala.sharding.prediction import ShardedClassMass, label_ranks, top_classes
from tests.batches import random_logits, random_target
from tests.sharding.runner_ranks import build_runner

SAMPLES = 40
TIES = dict(decimals=0)  # many equal logits


def all_logits(num_classes):
    return random_logits(SAMPLES, num_classes, 3)


def predict(rank, world_size, num_classes, k, tau):
    """Best classes and ranks of the labels, re-balanced."""
    shards = ClassShards.here(num_classes)
    logits = shards.take(all_logits(num_classes), 1)
    mass = ShardedClassMass.empty(shards)
    for part in logits.split(13):
        mass.add(part)
    logits = logits + mass.bias(tau)
    label = random_target('hard', SAMPLES, num_classes)
    scores, classes = top_classes(logits, k, shards)
    ranks = label_ranks(logits, label, shards)
    tied = label_ranks(logits.round(**TIES), label, shards)
    return [value.numpy() for value in (scores, classes, ranks, tied, mass.mass)]


class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
    """Notes the largest tensor that an operation over the ranks returns."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if '_c10d' in str(function) and isinstance(result, torch.Tensor):
            self.largest = max(self.largest, result.numel())
        return result


def largest_message(rank, world_size, num_classes, k):
    shards = ClassShards.here(num_classes)
    logits = shards.take(all_logits(num_classes), 1)
    with Sizes() as sizes:
        top_classes(logits, k, shards)
        ShardedClassMass.empty(shards).add(logits)
    return sizes.largest


def metrics_of_test(rank, world_size, work_dir, head, initial, hooks, tau):
    """Metrics of MMEngine's test."""
    metric = dict(type='mmgala.LongTailedAccuracy', topk=(1, 2))
    if tau:  # of a head that has all classes
        metric = dict(type='mmgala.RebalancingEvaluator', metrics=[metric], tau=tau)
    runner = build_runner(
        rank,
        world_size,
        work_dir,
        head,
        load_from=initial,
        own_hooks=hooks,
        test_dataloader='train',
        test_cfg=dict(),
        test_evaluator=metric,
    )
    return runner.test()
