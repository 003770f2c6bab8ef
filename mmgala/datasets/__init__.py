"""Long-tailed data sets and what is counted on them."""

from mmgala.datasets.digits import DigitsDataset
from mmgala.datasets.labels import count_classes, dataset_labels
from mmgala.datasets.long_tailed import LongTailedDataset

__all__ = ['DigitsDataset', 'LongTailedDataset', 'count_classes', 'dataset_labels']
