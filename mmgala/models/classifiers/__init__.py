"""Classifiers: what is trained, and what stays as it is."""

from mmgala.models.classifiers.decoupled import DecoupledClassifier

__all__ = ['DecoupledClassifier']
