"""Augmentations of published recipes that OpenMMLab does not provide."""

from mmgala.datasets.transforms.auto_augment import (
    CIFARAutoAugment,
    Cutout,
    TorchvisionAutoAugment,
)
from mmgala.datasets.transforms.rand_augment import (
    FlooredPosterize,
    FlooredSolarize,
    RandomInterpolation,
)

__all__ = [
    'CIFARAutoAugment',
    'Cutout',
    'FlooredPosterize',
    'FlooredSolarize',
    'RandomInterpolation',
    'TorchvisionAutoAugment',
]
