"""Pure functions on tensors: usable in any PyTorch loop, no OpenMMLab needed."""

from mmgala.functional.equalization import equalization_loss
from mmgala.functional.gala import (
    gala_loss,
    gala_margin,
    gradient_sum_from_loss,
    logit_gradient_sums,
    margin_cross_entropy,
)
from mmgala.functional.gradient_sums import GradientSums, frequency_bins
from mmgala.functional.longtail import (
    largest_head_count,
    long_tailed_counts,
    shot_groups,
)
from mmgala.functional.rebalance import log_prior_adjustment, rebalance

__all__ = [
    'GradientSums',
    'equalization_loss',
    'frequency_bins',
    'gala_loss',
    'gala_margin',
    'gradient_sum_from_loss',
    'largest_head_count',
    'log_prior_adjustment',
    'logit_gradient_sums',
    'long_tailed_counts',
    'margin_cross_entropy',
    'rebalance',
    'shot_groups',
]
