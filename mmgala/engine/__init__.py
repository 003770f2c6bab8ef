"""Training with MMEngine: hooks, an optimizer wrapper and a training loop."""

from mmgala.engine.bfloat16_optim_wrapper import BFloat16OptimWrapper
from mmgala.engine.hooks import (
    ChannelsLastHook,
    ClassCountsHook,
    ClassNamesHook,
    DeferredReweightingHook,
    DivergenceHook,
    GradientStatisticsHook,
    LoadBackboneHook,
    MetricRulesHook,
    PaddingHook,
    ReduceStatisticsHook,
    ResumeWithinEpochHook,
)
from mmgala.engine.on_device_train_loop import OnDeviceTrainLoop

__all__ = [
    'BFloat16OptimWrapper',
    'ChannelsLastHook',
    'ClassCountsHook',
    'ClassNamesHook',
    'DeferredReweightingHook',
    'DivergenceHook',
    'GradientStatisticsHook',
    'LoadBackboneHook',
    'MetricRulesHook',
    'OnDeviceTrainLoop',
    'PaddingHook',
    'ReduceStatisticsHook',
    'ResumeWithinEpochHook',
]
