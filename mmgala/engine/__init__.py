"""Hooks, and what the command-line tools share."""

from mmgala.engine.class_counts_hook import ClassCountsHook

__all__ = ['ClassCountsHook']
