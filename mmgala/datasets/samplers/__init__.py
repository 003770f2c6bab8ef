"""Samplers that control how often each class is drawn."""

from mmgala.datasets.samplers.class_aware import ClassAwareSampler
from mmgala.datasets.samplers.class_balanced import ClassBalancedSampler

__all__ = ['ClassAwareSampler', 'ClassBalancedSampler']
