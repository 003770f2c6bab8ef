"""LVIS's annotations, data set and metric, without the package ``lvis``."""

from mmgala.detection.lvis.dataset import LVISDataset
from mmgala.detection.lvis.metric import LVISMetric

__all__ = ['LVISDataset', 'LVISMetric']
