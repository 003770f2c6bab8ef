"""Augmentations of published recipes that OpenMMLab does not provide."""

from mmgala.datasets.transforms.cifar_auto_augment import CIFARAutoAugment
from mmgala.datasets.transforms.cutout import Cutout
from mmgala.datasets.transforms.floored_magnitudes import (
    FlooredPosterize,
    FlooredSolarize,
)
from mmgala.datasets.transforms.random_interpolation import RandomInterpolation
from mmgala.datasets.transforms.torchvision_auto_augment import TorchvisionAutoAugment

__all__ = [
    'CIFARAutoAugment',
    'Cutout',
    'FlooredPosterize',
    'FlooredSolarize',
    'RandomInterpolation',
    'TorchvisionAutoAugment',
]
