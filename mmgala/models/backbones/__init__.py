"""Backbones of the long-tail benchmarks that MMPretrain cannot be configured to."""

from mmgala.models.backbones.cifar_resnet import CIFARResNet
from mmgala.models.backbones.plain_conv_net import PlainConvNet

__all__ = ['CIFARResNet', 'PlainConvNet']
