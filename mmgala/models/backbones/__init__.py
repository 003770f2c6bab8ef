"""Backbones of long-tailed benchmarks that MMPretrain does not have."""

from mmgala.models.backbones.cifar_resnet import CIFARResNet
from mmgala.models.backbones.plain_conv_net import PlainConvNet

__all__ = ['CIFARResNet', 'PlainConvNet']
