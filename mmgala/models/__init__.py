"""Backbones, classifiers, heads, losses and post-hoc steps."""
# ruff: noqa: F401, F403

from mmgala.models.backbones import *
from mmgala.models.classifiers import *
from mmgala.models.heads import *
from mmgala.models.losses import *
from mmgala.models.post_hoc import (
    LogitAdjuster,
    PostHocChain,
    PredictionRebalancer,
    TemperatureScaler,
)
