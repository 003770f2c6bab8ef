"""GALA with its options in NumPy, one sample and class at a time."""

from collections.abc import Sequence

import numpy as np
import torch

from mmgala.losses import GALALoss
from tests.batches import one_hot, random_logits, random_target

C, EPS = 5, 1e-3


def batches(num_batches: int = 4) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Logits and class indices of some batches."""
    return [
        (random_logits(9, C, seed=seed), random_target('hard', 9, C, seed=seed + 50))
        for seed in range(num_batches)
    ]


def assert_steps_follow_the_formula(
    kind: str, lambda_pos: float, lambda_neg: float, share: float, kappa: float = 0.0
) -> None:
    """Compare losses, theta and counts of several steps with those of the loops."""
    loss_module = GALALoss(
        C, lambda_pos, lambda_neg, count_share=share, label_margin=kappa
    )
    losses, theta, seen = _by_the_formula(
        batches(), lambda_pos, lambda_neg, share, kappa
    )

    found = []
    for logits, target in batches():
        label = one_hot(target, C) if kind == 'one-hot' else target
        found.append(float(loss_module(logits.requires_grad_(), label).detach()))

    np.testing.assert_allclose(found, losses, rtol=2e-6)
    np.testing.assert_allclose(loss_module.pos_grad, theta, rtol=2e-6)
    np.testing.assert_allclose(loss_module.seen, seen)


def assert_equals_plain_gala(ours: GALALoss) -> None:
    """Compare a loss bit for bit with GALA, and its state with GALA's."""
    plain = GALALoss(C)
    for logits, target in batches():
        logits.requires_grad_()
        assert ours(logits, target) == plain(logits, target)
    assert ours.state_dict().keys() == plain.state_dict().keys()
    for name, value in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


def _by_the_formula(
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    lambda_pos: float,
    lambda_neg: float,
    share: float,
    kappa: float,
) -> tuple[list[float], np.ndarray, np.ndarray]:
    """Mean loss of each batch, theta, and counts."""
    theta, seen, losses = np.zeros(C), np.zeros(C), []
    for logits, target in batches:
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
