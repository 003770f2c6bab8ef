"""Pure functions on tensors, usable in any PyTorch loop without OpenMMLab."""

from mmgala.functional.adjusted_cross_entropy import adjusted_cross_entropy
from mmgala.functional.class_counts import class_counts_of
from mmgala.functional.class_priors import (
    cloud_sizes,
    effective_number_weights,
    ldam_margins,
    log_class_prior,
    smoothing_factors,
    vector_scaling_factors,
)
from mmgala.functional.gala import (
    gala_loss,
    gala_margin,
    gradient_sum_from_loss,
    logit_gradient_sums,
    margin_cross_entropy,
)
from mmgala.functional.gala_detection import (
    add_foreground_margin,
    foreground_gradient_sum,
)
from mmgala.functional.gradient_sums import GradientSums, frequency_bins
from mmgala.functional.linear_loss import gala_linear_loss, linear_cross_entropy
from mmgala.functional.longtail import (
    SHOT_GROUPS,
    ShotThresholds,
    largest_head_count,
    long_tailed_counts,
    shot_groups,
)
from mmgala.functional.losses import (
    clouded_loss,
    equalization_loss,
    label_margin_loss,
    logit_adjusted_loss,
    seesaw_loss,
    smoothed_cross_entropy,
    vector_scaling_loss,
)
from mmgala.functional.metrics import (
    METRIC_RULES,
    calibration_bins,
    class_accuracies,
    expected_calibration_error,
    long_tailed_metrics,
    metric_rule,
    metrics_of_outcomes,
    sample_outcomes,
)
from mmgala.functional.post_hoc import PostHocSteps
from mmgala.functional.prior_check import PriorContradiction, contradicted_prior
from mmgala.functional.rebalance import (
    log_count_adjustment,
    log_prior_adjustment,
    logit_adjustment,
    rebalance,
)
from mmgala.functional.temperature import temperature_scale
from mmgala.names import METRIC_NAMES

__all__ = [
    'METRIC_NAMES',
    'METRIC_RULES',
    'SHOT_GROUPS',
    'GradientSums',
    'PostHocSteps',
    'PriorContradiction',
    'ShotThresholds',
    'add_foreground_margin',
    'adjusted_cross_entropy',
    'calibration_bins',
    'class_accuracies',
    'class_counts_of',
    'contradicted_prior',
    'cloud_sizes',
    'clouded_loss',
    'effective_number_weights',
    'equalization_loss',
    'expected_calibration_error',
    'foreground_gradient_sum',
    'frequency_bins',
    'gala_linear_loss',
    'gala_loss',
    'gala_margin',
    'gradient_sum_from_loss',
    'label_margin_loss',
    'largest_head_count',
    'ldam_margins',
    'linear_cross_entropy',
    'log_class_prior',
    'log_count_adjustment',
    'log_prior_adjustment',
    'logit_adjusted_loss',
    'logit_adjustment',
    'logit_gradient_sums',
    'long_tailed_counts',
    'long_tailed_metrics',
    'margin_cross_entropy',
    'metric_rule',
    'metrics_of_outcomes',
    'rebalance',
    'sample_outcomes',
    'seesaw_loss',
    'shot_groups',
    'smoothed_cross_entropy',
    'smoothing_factors',
    'temperature_scale',
    'vector_scaling_factors',
    'vector_scaling_loss',
]
