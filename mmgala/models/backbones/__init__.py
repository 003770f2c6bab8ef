"""Backbones of the long-tail benchmarks that MMPretrain cannot be configured to."""

from mmgala.models.backbones.cifar_resnet import CIFARResNet

__all__ = ['CIFARResNet']
