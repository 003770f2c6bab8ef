"""Training with MMEngine: hooks, an optimizer wrapper and a training loop.

Importing this also makes MMEngine write its files whole, see ``safe_saving``.
"""

from mmgala.engine.bfloat16_optim_wrapper import BFloat16OptimWrapper
from mmgala.engine.hooks import (
    ChannelsLastHook,
    ClassCountsHook,
    ClassNamesHook,
    ClassShardsHook,
    DeferredReweightingHook,
    DivergenceHook,
    GradientStatisticsHook,
    LoadBackboneHook,
    MetricRulesHook,
    PaddingHook,
    ReduceStatisticsHook,
    ResumeWithinEpochHook,
    ScoreStorageHook,
)
from mmgala.engine.on_device_train_loop import OnDeviceTrainLoop
from mmgala.engine.safe_saving import make_saving_safe
from mmgala.engine.sam_optim_wrapper import SAMOptimWrapper

__all__ = [
    'BFloat16OptimWrapper',
    'ChannelsLastHook',
    'ClassCountsHook',
    'ClassNamesHook',
    'ClassShardsHook',
    'DeferredReweightingHook',
    'DivergenceHook',
    'GradientStatisticsHook',
    'LoadBackboneHook',
    'MetricRulesHook',
    'OnDeviceTrainLoop',
    'PaddingHook',
    'ReduceStatisticsHook',
    'ResumeWithinEpochHook',
    'SAMOptimWrapper',
    'ScoreStorageHook',
]

make_saving_safe()
