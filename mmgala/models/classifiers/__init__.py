"""Image classifiers."""

from mmgala.models.classifiers.decoupled import DecoupledClassifier

__all__ = ['DecoupledClassifier']
