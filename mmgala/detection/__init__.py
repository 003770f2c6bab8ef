"""Detection: the only part that imports MMDetection."""

from mmgala.detection.bbox_loss import GALABBoxLoss
from mmgala.detection.float32_operators_hook import Float32OperatorsHook
from mmgala.detection.lvis_dataset import LVISDataset
from mmgala.detection.lvis_metric import LVISMetric
from mmgala.detection.sigmoid_loss import GALASigmoidLoss

__all__ = [
    'Float32OperatorsHook',
    'GALABBoxLoss',
    'GALASigmoidLoss',
    'LVISDataset',
    'LVISMetric',
]
