"""Detection: the only package that imports MMDetection."""

from mmgala.detection.float32_operators_hook import Float32OperatorsHook
from mmgala.detection.losses import GALABBoxLoss, GALAObjectnessLoss
from mmgala.detection.lvis import LVISDataset, LVISMetric

__all__ = [
    'Float32OperatorsHook',
    'GALABBoxLoss',
    'GALAObjectnessLoss',
    'LVISDataset',
    'LVISMetric',
]
