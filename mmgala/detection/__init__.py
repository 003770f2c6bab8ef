"""Detection: the only part that imports MMDetection."""

from mmgala.detection.bbox_loss import GALABBoxLoss
from mmgala.detection.lvis_dataset import LVISDataset
from mmgala.detection.lvis_metric import LVISMetric
from mmgala.detection.sigmoid_loss import GALASigmoidLoss

__all__ = ['GALABBoxLoss', 'GALASigmoidLoss', 'LVISDataset', 'LVISMetric']
