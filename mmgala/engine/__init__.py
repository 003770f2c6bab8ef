"""Hooks, and what the command-line tools share."""

from mmgala.engine.class_counts_hook import ClassCountsHook
from mmgala.engine.load_backbone_hook import LoadBackboneHook

__all__ = ['ClassCountsHook', 'LoadBackboneHook']
