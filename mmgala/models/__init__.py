"""Backbones, classifiers, losses, heads and the re-balancing post-processor."""

from mmgala.models.backbones import CIFARResNet, PlainConvNet
from mmgala.models.classifiers import DecoupledClassifier
from mmgala.models.heads import CosineClsHead, GALAHead
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
from mmgala.models.rebalancer import PredictionRebalancer

__all__ = [
    'BalancedSoftmaxLoss',
    'CIFARResNet',
    'ClassBalancedFocalLoss',
    'ClassBalancedLoss',
    'CosineClsHead',
    'DecoupledClassifier',
    'EqualizationLoss',
    'GALAHead',
    'GALALoss',
    'GCLLoss',
    'LDAMLoss',
    'LabelAwareSmoothingLoss',
    'LogitAdjustmentLoss',
    'PlainConvNet',
    'PredictionRebalancer',
    'SeesawLoss',
    'VectorScalingLoss',
]
