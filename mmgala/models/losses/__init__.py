"""Losses. Adding one takes its own file and one import here."""
# ruff: noqa: F401

from typing import TYPE_CHECKING

from mmgala.models.losses.base import ClassCountsLoss, ClassificationLoss
from mmgala.models.losses.class_balanced import (
    ClassBalancedFocalLoss,
    ClassBalancedLoss,
)
from mmgala.models.losses.equalization import EqualizationLoss
from mmgala.models.losses.gala import GALALoss
from mmgala.models.losses.gcl import GCLLoss
from mmgala.models.losses.label_aware_smoothing import LabelAwareSmoothingLoss
from mmgala.models.losses.ldam import LDAMLoss
from mmgala.models.losses.logit_adjustment import (
    BalancedSoftmaxLoss,
    LogitAdjustmentLoss,
)
from mmgala.models.losses.seesaw import SeesawLoss
from mmgala.models.losses.vector_scaling import VectorScalingLoss

if not TYPE_CHECKING:  # type checkers read the imports
    __all__ = [name for name in dir() if name.endswith('Loss')]
