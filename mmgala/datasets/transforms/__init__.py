"""Augmentations of published recipes that no library registers."""

from mmgala.datasets.transforms.cifar_auto_augment import CIFARAutoAugment
from mmgala.datasets.transforms.cutout import Cutout
from mmgala.datasets.transforms.torchvision_auto_augment import TorchvisionAutoAugment

__all__ = ['CIFARAutoAugment', 'Cutout', 'TorchvisionAutoAugment']
