"""Classes shared out among ranks: each has their weights, logits and statistics."""

from mmgala.sharding.clipping import clip_gradient_norm
from mmgala.sharding.cross_entropy import sharded_cross_entropy
from mmgala.sharding.features import gather_features
from mmgala.sharding.linear import ClassShardLinear
from mmgala.sharding.loss import shard_statistics, sharded_losses
from mmgala.sharding.sampling import sample_classes
from mmgala.sharding.shards import ClassShards

__all__ = [
    'ClassShardLinear',
    'ClassShards',
    'clip_gradient_norm',
    'gather_features',
    'sample_classes',
    'shard_statistics',
    'sharded_cross_entropy',
    'sharded_losses',
]
