"""A config in MMEngine's new style: types are classes, and the base is imported."""

from mmengine.config import read_base
from mmpretrain.models import GlobalAveragePooling, ImageClassifier
from mmpretrain.models.backbones import ResNet_CIFAR
from torch.optim import SGD

from mmgala.engine import ClassCountsHook
from mmgala.models import GALAHead, GALALoss

with read_base():
    from .new_style_base import *  # noqa: F403

default_scope = 'mmpretrain'
model = dict(
    type=ImageClassifier,
    backbone=dict(
        type=ResNet_CIFAR,
        depth=18,
        num_stages=3,
        stem_channels=8,
        base_channels=8,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    ),
    neck=dict(type=GlobalAveragePooling),
    head=dict(type=GALAHead, num_classes=10, in_channels=32, loss=dict(type=GALALoss)),
)
optim_wrapper = dict(optimizer=dict(type=SGD, lr=0.05))
train_cfg = dict(by_epoch=True, max_epochs=1, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type=ClassCountsHook)]
