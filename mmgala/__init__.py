"""GALA: gradient-aware logit adjustment for long-tailed data.

``from mmgala import X`` gives every public name of the subpackages; among them all that
an OpenMMLab config calls ``mmgala.X``. Losses, post-hoc steps and functions need
PyTorch and NumPy alone, the others OpenMMLab. A name is imported when it is first used,
so that ``import mmgala`` is quick.
"""
# ruff: noqa: F403

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmgala.version import __version__

if TYPE_CHECKING:
    from mmgala.datasets import *
    from mmgala.detection import *
    from mmgala.engine import *
    from mmgala.evaluation import *
    from mmgala.functional import *
    from mmgala.losses import *
    from mmgala.models import *
    from mmgala.post_hoc import *

# Public names of the subpackages that need PyTorch and NumPy alone, ...
_CORE = {
    'functional': (
        'GradientSums', 'METRIC_NAMES', 'METRIC_RULES', 'PostHocSteps',
        'PriorContradiction', 'SHOT_GROUPS', 'ShotThresholds', 'add_foreground_margin',
        'adjusted_cross_entropy', 'calibration_bins',
        'class_accuracies', 'class_counts_of', 'cloud_sizes', 'clouded_loss',
        'contradicted_prior', 'effective_number_weights',
        'equalization_loss', 'expected_calibration_error', 'foreground_gradient_sum',
        'frequency_bins', 'gala_linear_loss', 'gala_loss', 'gala_margin',
        'gradient_sum_from_loss', 'linear_cross_entropy',
        'label_margin_loss', 'largest_head_count', 'ldam_margins', 'log_class_prior',
        'log_count_adjustment', 'log_prior_adjustment', 'logit_adjusted_loss',
        'logit_adjustment', 'logit_gradient_sums', 'long_tailed_counts',
        'long_tailed_metrics', 'margin_cross_entropy', 'metric_rule',
        'metrics_of_outcomes', 'rebalance', 'sample_outcomes', 'seesaw_loss',
        'shot_groups', 'smoothed_cross_entropy',
        'smoothing_factors', 'temperature_scale', 'vector_scaling_factors',
        'vector_scaling_loss',
    ),
    'losses': (
        'BalancedSoftmaxLoss', 'ClassBalancedFocalLoss', 'ClassBalancedLoss',
        'ClassCountsLoss', 'ClassificationLoss', 'EqualizationLoss', 'GALALoss',
        'GCLLoss', 'LDAMLoss', 'LabelAwareSmoothingLoss', 'LogitAdjustment',
        'LogitAdjustmentLoss', 'SeesawLoss', 'VectorScalingLoss',
    ),
    'post_hoc': (
        'LogitAdjuster', 'PostHocChain', 'PostHocStep', 'PredictionRebalancer',
        'STEP_MODULES', 'TemperatureScaler', 'build_post_hoc',
    ),
}  # fmt: skip
# ... and of those that need OpenMMLab.
_EDGE = {
    'datasets': (
        'ArrayDataset', 'CIFARAutoAugment', 'CSVDataset', 'ClassAwareSampler',
        'ClassBalancedSampler', 'Cutout', 'DatasetDigest', 'DigitsDataset',
        'FashionPairs', 'FlooredPosterize', 'FlooredSolarize', 'INaturalist2018',
        'ImageNetLT', 'LongTailedDataset', 'PlacesLT', 'PlanktonSet',
        'RandomInterpolation', 'TorchvisionAutoAugment', 'align_classes',
        'count_classes', 'count_draws', 'dataset_digest', 'dataset_labels',
        'official_class_counts',
    ),
    'detection': (
        'Float32OperatorsHook', 'GALABBoxLoss', 'GALAObjectnessLoss',
        'LVISDataset', 'LVISMetric',
    ),
    'engine': (
        'BFloat16OptimWrapper', 'ChannelsLastHook', 'ClassCountsHook', 'ClassNamesHook',
        'ClassShardsHook', 'DeferredReweightingHook', 'DivergenceHook',
        'GradientStatisticsHook', 'LoadBackboneHook', 'MetricRulesHook',
        'OnDeviceTrainLoop', 'PaddingHook', 'ReduceStatisticsHook',
        'ResumeWithinEpochHook', 'SAMOptimWrapper', 'ScoreStorageHook',
    ),
    'evaluation': (
        'LongTailedAccuracy', 'PostHocChoice', 'PostHocEvaluator',
        'RebalancingEvaluator', 'ScoreBlocks', 'ScoreDump', 'TAU_GRID', 'TauSearch',
        'TemperatureSearch', 'choose_post_hoc',
    ),
    'models': (
        'CIFARResNet', 'ClassMeanClsHead', 'ClassShardsDataParallel', 'CosineClsHead',
        'DecoupledClassifier', 'GALAHead', 'LongTailedClsHead', 'PlainConvNet',
        'ShardedClsHead', 'is_linear_head', 'keep_shares_apart',
    ),
}  # fmt: skip
_PACKAGES = {
    name: package
    for table in (_CORE, _EDGE)
    for package, names in table.items()
    for name in names
}

# A star import works without OpenMMLab too.
__all__ = ['__version__', *sorted(name for names in _CORE.values() for name in names)]


def __getattr__(name: str) -> Any:
    """Import a public name, or a subpackage that has some, when it is first used.

    Raises:
        ImportError: if a package that it needs does not import.
        AttributeError: if there is no such name.
    """
    package = name if name in (*_CORE, *_EDGE) else _PACKAGES.get(name)
    if package is None:
        raise AttributeError(_unknown(name))
    try:
        found = import_module(f'mmgala.{package}')
    except ImportError as error:
        raise ImportError(_missing(name, package, error), name=error.name) from error
    if name != package:
        found = globals()[name] = getattr(found, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PACKAGES, *_CORE, *_EDGE})


def _unknown(name: str) -> str:
    """One line on a name that does not exist, with the nearest that does."""
    from difflib import get_close_matches

    known = {each.lower(): each for each in (*_PACKAGES, *_CORE, *_EDGE)}
    near = get_close_matches(name.lower(), known, n=1)
    hint = f'did you mean {known[near[0]]!r}?' if near else 'dir(mmgala) lists all.'
    return f"module 'mmgala' has no attribute {name!r}: {hint}"


def _missing(name: str, package: str, error: ImportError) -> str:
    """One line on what a name needs, and how to install it."""
    if package in _CORE:
        remedy = 'pip install torch numpy'
    elif package == 'detection':
        remedy = (
            'it needs MMDetection, and mmcv with its operators: `make '
            'install-detection`, or see requirements/detection-no-deps.txt'
        )
    else:
        remedy = (
            "it needs OpenMMLab: pip install 'mmgala[onedl]', then pip install "
            '--no-deps mmcv-lite. Losses and post-hoc steps need PyTorch alone'
        )
    return f'mmgala.{name} cannot be imported ({error}): {remedy}.'
