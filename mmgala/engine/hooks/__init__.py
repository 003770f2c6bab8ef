"""Hooks for MMEngine's runner."""

from mmgala.engine.hooks.channels_last_hook import ChannelsLastHook
from mmgala.engine.hooks.class_counts_hook import ClassCountsHook
from mmgala.engine.hooks.class_names_hook import ClassNamesHook
from mmgala.engine.hooks.class_shards_hook import ClassShardsHook
from mmgala.engine.hooks.deferred_reweighting_hook import DeferredReweightingHook
from mmgala.engine.hooks.divergence_hook import DivergenceHook
from mmgala.engine.hooks.gradient_statistics_hook import GradientStatisticsHook
from mmgala.engine.hooks.load_backbone_hook import LoadBackboneHook
from mmgala.engine.hooks.metric_rules_hook import MetricRulesHook
from mmgala.engine.hooks.padding_hook import PaddingHook
from mmgala.engine.hooks.reduce_statistics_hook import ReduceStatisticsHook
from mmgala.engine.hooks.resume_within_epoch_hook import ResumeWithinEpochHook
from mmgala.engine.hooks.score_storage_hook import ScoreStorageHook

__all__ = [
    'ChannelsLastHook',
    'ClassCountsHook',
    'ClassNamesHook',
    'ClassShardsHook',
    'DeferredReweightingHook',
    'DivergenceHook',
    'GradientStatisticsHook',
    'LoadBackboneHook',
    'MetricRulesHook',
    'PaddingHook',
    'ReduceStatisticsHook',
    'ResumeWithinEpochHook',
    'ScoreStorageHook',
]
