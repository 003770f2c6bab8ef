"""Losses, heads and the re-balancing post-processor."""

from mmgala.models.heads import GALAHead
from mmgala.models.losses import GALALoss
from mmgala.models.rebalancer import PredictionRebalancer

__all__ = ['GALAHead', 'GALALoss', 'PredictionRebalancer']
