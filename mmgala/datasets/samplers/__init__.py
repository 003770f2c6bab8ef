"""Samplers that control how often each class is drawn."""

from mmgala.datasets.samplers.class_samplers import (
    ClassAwareSampler,
    ClassBalancedSampler,
)

__all__ = ['ClassAwareSampler', 'ClassBalancedSampler']
