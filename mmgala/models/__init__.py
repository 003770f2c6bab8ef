"""Backbones, classifiers, losses, heads and the re-balancing post-processor."""

from mmgala.models.backbones import CIFARResNet
from mmgala.models.classifiers import DecoupledClassifier
from mmgala.models.heads import GALAHead
from mmgala.models.losses import EqualizationLoss, GALALoss
from mmgala.models.rebalancer import PredictionRebalancer

__all__ = [
    'CIFARResNet',
    'DecoupledClassifier',
    'EqualizationLoss',
    'GALAHead',
    'GALALoss',
    'PredictionRebalancer',
]
