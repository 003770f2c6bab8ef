"""Losses of users work like those of the package."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmgala.functional.class_priors import log_class_prior
from mmgala.losses import (
    ClassCountsLoss,
    ClassificationLoss,
    GALALoss,
)
from tests.batches import random_logits, random_target

COUNTS = [50, 10, 5, 1]


class SquaredLoss(ClassificationLoss):
    """A whole loss: its formula."""

    def compute_loss(self, cls_score, label, weight):
        return F.cross_entropy(cls_score, label, reduction='none') ** 2


class PriorLoss(ClassCountsLoss):
    """A loss with a vector of per-class values and an argument."""

    def __init__(self, num_classes, strength=1.0, class_counts=None):
        super().__init__(num_classes)
        self.strength = strength
        self.start_counts(class_counts)

    def compute_vectors(self, class_counts):
        return dict(offsets=self.strength * log_class_prior(class_counts))

    def compute_loss(self, cls_score, label, weight):
        return F.cross_entropy(cls_score + self.offsets, label, reduction='none')


class HeavyGALALoss(GALALoss):
    """A subclass that only has other defaults."""

    def __init__(self, num_classes, **kwargs):
        super().__init__(num_classes, lambda_pos=2.0, lambda_neg=2.0, **kwargs)


def test_the_formula_is_all_a_loss_needs():
    logits, target = random_logits(8, 4), random_target('hard', 8, 4)
    plain = F.cross_entropy(logits, target, reduction='none')
    weight = torch.rand(8)
    loss = SquaredLoss(4, reduction='sum', loss_weight=0.5)(logits, target, weight)
    assert_close(loss, 0.5 * (weight * plain**2).sum())
    assert repr(SquaredLoss(4)).startswith('SquaredLoss(num_classes=4, reduction=')


def test_class_vectors_follow_the_counts_and_a_checkpoint():
    logits, target = random_logits(8, 4).float(), random_target('hard', 8, 4)
    loss_module = PriorLoss(4, strength=2.0)
    with pytest.raises(ValueError, match='PriorLoss needs the class counts'):
        loss_module(logits, target)
    loss_module.set_class_counts(COUNTS)
    prior = torch.tensor(COUNTS) / 66
    expected = F.cross_entropy(logits + 2 * prior.log(), target)
    assert_close(loss_module(logits, target), expected)

    restored = PriorLoss(4, strength=2.0)
    restored.load_state_dict(loss_module.state_dict())
    assert_close(restored(logits, target), expected)
    assert 'strength=2.0' in repr(restored)
