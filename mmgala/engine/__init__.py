"""Hooks, an optimizer wrapper, and what the command-line tools share."""

from mmgala.engine.bfloat16_optim_wrapper import BFloat16OptimWrapper
from mmgala.engine.channels_last_hook import ChannelsLastHook
from mmgala.engine.class_counts_hook import ClassCountsHook
from mmgala.engine.deferred_reweighting_hook import DeferredReweightingHook
from mmgala.engine.gradient_statistics_hook import GradientStatisticsHook
from mmgala.engine.load_backbone_hook import LoadBackboneHook
from mmgala.engine.on_device_train_loop import OnDeviceTrainLoop
from mmgala.engine.reduce_statistics_hook import ReduceStatisticsHook
from mmgala.engine.resume_within_epoch_hook import ResumeWithinEpochHook

__all__ = [
    'BFloat16OptimWrapper',
    'ChannelsLastHook',
    'ClassCountsHook',
    'DeferredReweightingHook',
    'GradientStatisticsHook',
    'LoadBackboneHook',
    'OnDeviceTrainLoop',
    'ReduceStatisticsHook',
    'ResumeWithinEpochHook',
]
