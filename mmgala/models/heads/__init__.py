"""Classification heads."""

from mmgala.models.heads.class_shards_wrapper import (
    ClassShardsDataParallel,
    keep_shares_apart,
)
from mmgala.models.heads.linear_heads import GALAHead, LongTailedClsHead, is_linear_head
from mmgala.models.heads.normalised_heads import ClassMeanClsHead, CosineClsHead
from mmgala.models.heads.sharded_head import ShardedClsHead

__all__ = [
    'ClassMeanClsHead',
    'ClassShardsDataParallel',
    'CosineClsHead',
    'GALAHead',
    'LongTailedClsHead',
    'ShardedClsHead',
    'is_linear_head',
    'keep_shares_apart',
]
