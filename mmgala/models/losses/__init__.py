"""Losses."""

from mmgala.models.losses.class_balanced_loss import (
    ClassBalancedFocalLoss,
    ClassBalancedLoss,
)
from mmgala.models.losses.class_counts_loss import ClassCountsLoss
from mmgala.models.losses.classification_loss import ClassificationLoss
from mmgala.models.losses.equalization_loss import EqualizationLoss
from mmgala.models.losses.gala_loss import GALALoss
from mmgala.models.losses.gcl_loss import GCLLoss
from mmgala.models.losses.label_aware_smoothing_loss import LabelAwareSmoothingLoss
from mmgala.models.losses.ldam_loss import LDAMLoss
from mmgala.models.losses.prior_losses import (
    BalancedSoftmaxLoss,
    LogitAdjustmentLoss,
    VectorScalingLoss,
)
from mmgala.models.losses.seesaw_loss import SeesawLoss

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
