"""Backbones, classifiers, heads, losses and post-hoc steps, registered."""
# ruff: noqa: F401, F403

from mmgala.losses import *
from mmgala.models import core  # registers losses and post-hoc steps
from mmgala.models.backbones import *
from mmgala.models.classifiers import *
from mmgala.models.heads import *
from mmgala.post_hoc import (
    LogitAdjuster,
    PostHocChain,
    PredictionRebalancer,
    TemperatureScaler,
)
