"""GALA with a margin at the label from each class's mean error, against NumPy loops."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mmgala.losses import GALALoss
from tests.batches import one_hot, random_logits, random_target

C, EPS = 5, 1e-3


def batches(num_batches=4):
    return [
        (random_logits(9, C, seed=seed), random_target('hard', 9, C, seed=seed + 50))
        for seed in range(num_batches)
    ]


def by_the_formula(kappa, share, lambda_pos, lambda_neg):
    """Mean loss of each batch, theta and counts, one sample and class at a time."""
    theta, seen, losses = np.zeros(C), np.zeros(C), []
    for logits, target in batches():
        level = (1 - share) * np.log(theta + EPS) + share * np.log(seen + EPS)
        error = (theta + EPS) / (seen + EPS)
        new_theta, new_seen, total = theta.copy(), seen.copy(), 0.0
        for z, k in zip(logits.numpy(), target.tolist(), strict=True):
            adjusted = z.copy()
            adjusted[k] -= kappa * np.sqrt(error[k] / error.max())
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


@pytest.mark.parametrize('kind', ['hard', 'one-hot'])
@pytest.mark.parametrize(
    ('kappa', 'share', 'lambda_pos', 'lambda_neg'),
    [(3.0, 1.0, 1.5, 1.5), (0.7, 0.0, 1.0, 1.0), (2.0, 0.5, 1.2, 0.9)],
)
def test_several_steps_follow_the_formula(kappa, share, lambda_pos, lambda_neg, kind):
    loss_module = GALALoss(
        C, lambda_pos, lambda_neg, count_share=share, label_margin=kappa
    )
    losses, theta, seen = by_the_formula(kappa, share, lambda_pos, lambda_neg)

    found = []
    for logits, target in batches():
        label = one_hot(target, C) if kind == 'one-hot' else target
        found.append(float(loss_module(logits.requires_grad_(), label).detach()))

    np.testing.assert_allclose(found, losses, rtol=2e-6)
    np.testing.assert_allclose(loss_module.pos_grad, theta, rtol=2e-6)
    np.testing.assert_allclose(loss_module.seen, seen)


def test_margin_0_is_gala_to_the_last_bit_and_has_no_other_state():
    ours, plain = GALALoss(C, label_margin=0.0), GALALoss(C)
    for logits, target in batches():
        logits.requires_grad_()
        assert ours(logits, target) == plain(logits, target)
    assert ours.state_dict().keys() == plain.state_dict().keys()
    assert_close(ours.state_dict(), plain.state_dict(), rtol=0, atol=0)


def test_the_class_with_the_largest_mean_error_has_the_whole_margin():
    loss_module = GALALoss(3, lambda_pos=0, lambda_neg=0, label_margin=2.0, eps=1e-9)
    loss_module.pos_grad.copy_(torch.tensor([1.0, 3.0, 2.0]))  # errors 0.1, 0.75, 0.4
    loss_module.seen.copy_(torch.tensor([10.0, 4.0, 5.0]))
    logits, target = torch.zeros(3, 3), torch.tensor([0, 1, 2])

    loss_module.eval()
    loss_module.reduction = 'none'
    found = loss_module(logits, target)

    margins = [2 * (0.1 / 0.75) ** 0.5, 2.0, 2 * (0.4 / 0.75) ** 0.5]
    expected = [np.log(1 + 2 * np.exp(margin)) for margin in margins]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize('value', [-1.0, float('nan'), float('inf')])
def test_margins_that_are_no_margins_are_refused(value):
    with pytest.raises(ValueError, match=f'label_margin.*0 or more.*{value}'):
        GALALoss(C, label_margin=value)


def test_the_official_variant_refuses_it():
    with pytest.raises(ValueError, match=r"label_margin=2.0.*variant='paper'"):
        GALALoss(C, variant='official', label_margin=2.0)
