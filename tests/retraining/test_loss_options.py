"""Losses of a re-training: their arguments, and which correct for the counts."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmgala.models import LDAMLoss
from mmgala.retraining.options import build_loss, corrects_for_counts

COUNTS = [40, 12, 5, 0, 2]


def test_losses_get_classes_and_counts_if_they_accept_them():
    init_default_scope('mmpretrain')

    plain, plain_cfg = build_loss(None, 5, COUNTS)
    gala, gala_cfg = build_loss(dict(type='mmgala.GALALoss', eps=0.1), 5, COUNTS)
    eql, _ = build_loss(dict(type='mmgala.EqualizationLoss'), 5, COUNTS)

    assert type(plain).__name__ == 'CrossEntropyLoss'
    assert plain_cfg == dict(type='CrossEntropyLoss')
    assert gala_cfg == dict(type='mmgala.GALALoss', eps=0.1, num_classes=5)
    assert gala.eps == 0.1
    assert eql.class_counts.tolist() == COUNTS


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('CrossEntropyLoss', False),
        ('mmgala.GALALoss', False),  # it sees what is sampled
        ('mmgala.EqualizationLoss', True),
        ('mmgala.BalancedSoftmaxLoss', True),
        ('mmgala.LabelAwareSmoothingLoss', False),
    ],
)
def test_losses_that_correct_for_the_counts(name, expected):
    init_default_scope('mmpretrain')
    loss, _ = build_loss(dict(type=name), 5, COUNTS)
    if hasattr(loss, 'class_counts'):
        assert loss.class_counts.tolist() == COUNTS
    assert corrects_for_counts(loss) is expected


class UsersLDAM(LDAMLoss):
    pass


class UsersCounts(torch.nn.Module):
    def set_class_counts(self, class_counts):
        pass


@pytest.mark.parametrize(
    ('loss', 'expected'),
    [
        (UsersLDAM(5), False),
        (UsersCounts(), True),
        (torch.nn.CrossEntropyLoss(), False),
    ],
)
def test_losses_of_users_that_correct_for_the_counts(loss, expected):
    assert corrects_for_counts(loss) is expected


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='GALALoss'), "no loss 'GALALoss' .* package are .*mmgala.GALALoss"),
        (
            dict(type='mmgala.GALALoss', num_classes=4),
            '5 classes, but the loss num_classes=4: remove it',
        ),
    ],
)
def test_invalid_losses_are_refused(config, message):
    init_default_scope('mmpretrain')
    with pytest.raises(ValueError, match=message):
        build_loss(config, 5, COUNTS)
