"""Post-hoc steps as modules, saved and deployed with a model."""

from mmgala.post_hoc.chain import STEP_MODULES, PostHocChain, build_post_hoc
from mmgala.post_hoc.steps import (
    LogitAdjuster,
    PostHocStep,
    PredictionRebalancer,
    TemperatureScaler,
)

__all__ = [
    'STEP_MODULES',
    'LogitAdjuster',
    'PostHocChain',
    'PostHocStep',
    'PredictionRebalancer',
    'TemperatureScaler',
    'build_post_hoc',
]
