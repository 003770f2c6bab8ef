"""GALA with a share of the class counts in its margins, against loops in NumPy."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mmgala.losses import BalancedSoftmaxLoss, GALALoss
from tests.batches import one_hot, random_logits, random_target

C, EPS = 5, 1e-3


def by_the_formula(batches, share, lambda_pos=1.2, lambda_neg=0.9):
    """Mean loss of each batch, theta and counts, one sample and class at a time."""
    theta, seen, losses = np.zeros(C), np.zeros(C), []
    for logits, target in batches:
        level = (1 - share) * np.log(theta + EPS) + share * np.log(seen + EPS)
        new_theta, new_seen, total = theta.copy(), seen.copy(), 0.0
        for z, k in zip(logits.numpy(), target.tolist(), strict=True):
            adjusted = z.copy()
            for j in range(C):
                if j != k:
                    adjusted[j] += lambda_pos * level[j] - lambda_neg * level[k]
            log_p = adjusted[k] - np.logaddexp.reduce(adjusted)
            total -= log_p
            new_theta[k] += 1 - np.exp(log_p)
            new_seen[k] += 1
        theta, seen = new_theta, new_seen
        losses.append(total / len(target))
    return losses, theta, seen


def batches(num_batches=4):
    return [
        (random_logits(9, C, seed=seed), random_target('hard', 9, C, seed=seed + 50))
        for seed in range(num_batches)
    ]


@pytest.mark.parametrize('kind', ['hard', 'one-hot'])
@pytest.mark.parametrize('share', [0.25, 0.5, 1.0])
def test_several_steps_follow_the_formula(share, kind):
    loss_module = GALALoss(C, 1.2, 0.9, count_share=share)
    losses, theta, seen = by_the_formula(batches(), share)

    found = []
    for logits, target in batches():
        label = one_hot(target, C) if kind == 'one-hot' else target
        found.append(float(loss_module(logits.requires_grad_(), label).detach()))

    np.testing.assert_allclose(found, losses, rtol=2e-6)
    np.testing.assert_allclose(loss_module.pos_grad, theta, rtol=2e-6)
    np.testing.assert_allclose(loss_module.seen, seen)


def test_share_0_is_gala_to_the_last_bit_and_has_no_other_state():
    ours, plain = GALALoss(C, count_share=0.0), GALALoss(C)
    for logits, target in batches():
        logits.requires_grad_()
        assert ours(logits, target) == plain(logits, target)
    assert ours.state_dict().keys() == plain.state_dict().keys()
    assert_close(ours.state_dict(), plain.state_dict(), rtol=0, atol=0)


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
