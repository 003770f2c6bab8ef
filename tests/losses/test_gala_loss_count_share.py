"""GALA with a share of the class counts in its margins, against loops in NumPy."""

import pytest
import torch
from torch.testing import assert_close

from mmgala.losses import BalancedSoftmaxLoss, GALALoss
from tests.batches import random_logits
from tests.losses.gala_loops import (
    C,
    assert_equals_plain_gala,
    assert_steps_follow_the_formula,
    batches,
)


@pytest.mark.parametrize('kind', ['hard', 'one-hot'])
@pytest.mark.parametrize('share', [0.25, 0.5, 1.0])
def test_several_steps_follow_the_formula(share, kind):
    assert_steps_follow_the_formula(
        kind, lambda_pos=1.2, lambda_neg=0.9, count_share=share
    )


def test_share_0_is_gala_to_the_last_bit_and_has_no_other_state():
    assert_equals_plain_gala(GALALoss(C, count_share=0.0))


def test_share_1_is_balanced_softmax_on_the_counts_seen_so_far():
    loss_module = GALALoss(C, count_share=1.0, eps=1e-12)
    target = torch.tensor([0, 0, 0, 1, 1, 2, 3, 4])
    loss_module(random_logits(8, C).requires_grad_(), target)
    logits, target = batches()[0]

    expected = BalancedSoftmaxLoss(C, class_counts=[3, 2, 1, 1, 1])(logits, target)
    assert_close(loss_module.eval()(logits, target), expected)


def test_samples_count_by_their_weight():
    loss_module = GALALoss(C, count_share=0.5)
    logits, target = random_logits(3, C).requires_grad_(), torch.tensor([0, 0, 4])
    loss_module(logits, target, weight=torch.tensor([1.0, 0.5, 0.0]))
    assert loss_module.seen.tolist() == [1.5, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(count_share=1.5), '`count_share` to be between 0 and 1, but got 1.5'),
        (dict(count_share=0.5, variant='official'), "is for variant='paper'"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GALALoss(C, **arguments)
