"""LVIS annotations, data set and metric, independent of the package ``lvis``."""

from mmgala.detection.lvis.dataset import LVISDataset
from mmgala.detection.lvis.metric import LVISMetric

__all__ = ['LVISDataset', 'LVISMetric']
