"""GALA losses for the classification branches of detectors."""

from mmgala.detection.losses.bbox_loss import GALABBoxLoss
from mmgala.detection.losses.objectness_loss import GALAObjectnessLoss
from mmgala.detection.losses.sigmoid_loss import GALASigmoidLoss

__all__ = ['GALABBoxLoss', 'GALAObjectnessLoss', 'GALASigmoidLoss']
