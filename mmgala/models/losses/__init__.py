"""Losses."""

from mmgala.models.losses.equalization_loss import EqualizationLoss
from mmgala.models.losses.gala_loss import GALALoss

__all__ = ['EqualizationLoss', 'GALALoss']
