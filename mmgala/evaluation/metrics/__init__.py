"""Metrics."""

from mmgala.evaluation.metrics.long_tailed_accuracy import LongTailedAccuracy

__all__ = ['LongTailedAccuracy']
