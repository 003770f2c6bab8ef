"""Classification heads."""

from mmgala.models.heads.linear_heads import GALAHead, LongTailedClsHead, is_linear_head
from mmgala.models.heads.normalised_heads import ClassMeanClsHead, CosineClsHead

__all__ = [
    'ClassMeanClsHead',
    'CosineClsHead',
    'GALAHead',
    'LongTailedClsHead',
    'is_linear_head',
]
