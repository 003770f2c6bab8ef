"""Losses as modules that need PyTorch alone; `mmgala.models` registers them."""

from mmgala.losses.adjustment import LogitAdjustment
from mmgala.losses.base import ClassificationLoss
from mmgala.losses.class_balanced import (
    ClassBalancedFocalLoss,
    ClassBalancedLoss,
)
from mmgala.losses.class_counts_loss import ClassCountsLoss
from mmgala.losses.equalization import EqualizationLoss
from mmgala.losses.gala import GALALoss
from mmgala.losses.gcl import GCLLoss
from mmgala.losses.label_aware_smoothing import LabelAwareSmoothingLoss
from mmgala.losses.ldam import LDAMLoss
from mmgala.losses.logit_adjustment import (
    BalancedSoftmaxLoss,
    LogitAdjustmentLoss,
)
from mmgala.losses.seesaw import SeesawLoss
from mmgala.losses.vector_scaling import VectorScalingLoss

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
    'LogitAdjustment',
    'LogitAdjustmentLoss',
    'SeesawLoss',
    'VectorScalingLoss',
]
