"""Backbones, classifiers, losses, heads and the re-balancing post-processor."""

from mmgala.models.backbones import CIFARResNet, PlainConvNet
from mmgala.models.classifiers import DecoupledClassifier
from mmgala.models.heads import ClassMeanClsHead, CosineClsHead, GALAHead
from mmgala.models.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedFocalLoss,
    ClassBalancedLoss,
    EqualizationLoss,
    GALALoss,
    GCLLoss,
    LabelAwareSmoothingLoss,
    LDAMLoss,
    LogitAdjustmentLoss,
    SeesawLoss,
    VectorScalingLoss,
)
from mmgala.models.post_hoc import (
    LogitAdjuster,
    PostHocChain,
    PredictionRebalancer,
    TemperatureScaler,
)

__all__ = [
    'BalancedSoftmaxLoss',
    'CIFARResNet',
    'ClassBalancedFocalLoss',
    'ClassBalancedLoss',
    'ClassMeanClsHead',
    'CosineClsHead',
    'DecoupledClassifier',
    'EqualizationLoss',
    'GALAHead',
    'GALALoss',
    'GCLLoss',
    'LDAMLoss',
    'LabelAwareSmoothingLoss',
    'LogitAdjuster',
    'LogitAdjustmentLoss',
    'PlainConvNet',
    'PostHocChain',
    'PredictionRebalancer',
    'SeesawLoss',
    'TemperatureScaler',
    'VectorScalingLoss',
]
