"""Classification heads."""

from mmgala.models.heads.base import LongTailedClsHead, is_linear_head
from mmgala.models.heads.class_mean_head import ClassMeanClsHead
from mmgala.models.heads.cosine_head import CosineClsHead
from mmgala.models.heads.gala_head import GALAHead

__all__ = [
    'ClassMeanClsHead',
    'CosineClsHead',
    'GALAHead',
    'LongTailedClsHead',
    'is_linear_head',
]
