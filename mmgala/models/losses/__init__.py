"""Losses."""

from mmgala.models.losses.gala_loss import GALALoss

__all__ = ['GALALoss']
