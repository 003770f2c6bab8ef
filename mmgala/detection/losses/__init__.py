"""GALA losses for the classification branches of detectors."""

from mmgala.detection.losses.bbox_loss import GALABBoxLoss
from mmgala.detection.losses.objectness_loss import GALAObjectnessLoss

__all__ = ['GALABBoxLoss', 'GALAObjectnessLoss']
