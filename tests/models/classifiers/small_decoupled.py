"""A decoupled classifier that trains within a test."""

import copy

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.models.necks import GlobalAveragePooling
from mmpretrain.structures import DataSample
from torch import nn

from mmgala.models import CIFARResNet, DecoupledClassifier

NUM_CLASSES = 5


class NormHead(LinearClsHead):
    """A head with batch normalisation, which stays in training mode."""

    def __init__(self, num_classes, in_channels):
        super().__init__(num_classes, in_channels)
        self.norm = nn.BatchNorm1d(in_channels)

    def pre_logits(self, feats):
        return self.norm(feats[-1])


def build(neck=None, head=NormHead, **options):
    """Network with the same weights at every call, except those of a given neck.

    Args:
        neck: module, by default one without parameters.
        head: class, by default one that has a norm.
        **options: of the classifier.
    """
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    return DecoupledClassifier(
        backbone=CIFARResNet(20, base_channels=4),
        neck=neck or GlobalAveragePooling(),
        head=head(NUM_CLASSES, 16),
        **options,
    )


def batch(step=0, size=8):
    """Images of 8 x 8 pixels that are neither centred nor of unit variance."""
    generator = torch.Generator().manual_seed(step)
    images = 3 * torch.randn(size, 3, 8, 8, generator=generator) + 1
    labels = torch.randint(NUM_CLASSES, (size,), generator=generator)
    return dict(
        inputs=list(images),
        data_samples=[DataSample().set_gt_label(int(label)) for label in labels],
    )


def train(model, steps=1):
    """Train with momentum and weight decay, which also move weights."""
    inner = getattr(model, 'module', model)
    optimizer = torch.optim.SGD(
        inner.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1
    )
    model.train()
    for step in range(steps):
        model.train_step(batch(step), OptimWrapper(optimizer))


def changed(before, model):
    """Names of the entries that differ from an earlier state dict."""
    after = model.state_dict()
    return {name for name, old in before.items() if not torch.equal(old, after[name])}


def snapshot(model):
    """Copy of the state dict, which training does not change."""
    return copy.deepcopy(model.state_dict())
