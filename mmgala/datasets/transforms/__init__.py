"""Augmentations of published recipes that no library registers."""

from mmgala.datasets.transforms.torchvision_auto_augment import TorchvisionAutoAugment

__all__ = ['TorchvisionAutoAugment']
