"""Losses."""

from mmgala.models.losses.base import ClassCountsLoss, ClassificationLoss
from mmgala.models.losses.class_balanced import (
    ClassBalancedFocalLoss,
    ClassBalancedLoss,
)
from mmgala.models.losses.equalization import EqualizationLoss
from mmgala.models.losses.gala import GALALoss
from mmgala.models.losses.gcl import GCLLoss
from mmgala.models.losses.label_aware_smoothing import LabelAwareSmoothingLoss
from mmgala.models.losses.ldam import LDAMLoss
from mmgala.models.losses.logit_adjustment import (
    BalancedSoftmaxLoss,
    LogitAdjustmentLoss,
    VectorScalingLoss,
)
from mmgala.models.losses.seesaw import SeesawLoss

__all__ = [
    'BalancedSoftmaxLoss',
    'ClassBalancedFocalLoss',
    'ClassBalancedLoss',
    'ClassCountsLoss',
    'ClassificationLoss',
    'EqualizationLoss',
    'GALALoss',
    'GCLLoss',
    'LDAMLoss',
    'LabelAwareSmoothingLoss',
    'LogitAdjustmentLoss',
    'SeesawLoss',
    'VectorScalingLoss',
]
