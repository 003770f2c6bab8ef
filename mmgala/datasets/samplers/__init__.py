"""Samplers that draw classes, not only samples, as often as is wanted."""

from mmgala.datasets.samplers.class_aware import ClassAwareSampler
from mmgala.datasets.samplers.class_balanced import ClassBalancedSampler

__all__ = ['ClassAwareSampler', 'ClassBalancedSampler']
