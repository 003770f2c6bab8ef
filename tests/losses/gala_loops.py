"""GALA with its options in NumPy, one sample and class at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from mmgala.losses import GALALoss
from tests.batches import one_hot, random_logits, random_target

C, EPS = 5, 1e-3


def batches(
    num_batches: int = 4, sharpness: float = 0.0
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Logits and class indices; from batch to batch, labels lead by more."""
    found = []
    for seed in range(num_batches):
        target = random_target('hard', 9, C, seed=seed + 50)
        logits = random_logits(9, C, seed=seed)
        found.append((logits + sharpness * seed * one_hot(target, C), target))
    return found


def assert_steps_follow_the_formula(
    kind: str, sharpness: float = 0.0, **settings: float
) -> None:
    """Compare losses and statistics of several steps with those of the loops.

    Args:
        kind: ``'hard'`` labels, or the same as ``'one-hot'`` ones.
        sharpness: see :func:`batches`.
        **settings: of the loss.
    """
    steps = batches(sharpness=sharpness)
    loss_module = GALALoss(C, **settings)
    expected = _by_the_formula(steps, **settings)

    found = []
    for logits, target in steps:
        label = one_hot(target, C) if kind == 'one-hot' else target
        found.append(float(loss_module(logits.requires_grad_(), label).detach()))

    np.testing.assert_allclose(found, expected.losses, rtol=2e-6)
    np.testing.assert_allclose(loss_module.pos_grad, expected.theta, rtol=2e-6)
    np.testing.assert_allclose(loss_module.seen, expected.seen)
    if settings.get('lead_memory'):
        recent = loss_module.recent_probability
        np.testing.assert_allclose(recent, expected.recent, rtol=2e-6)
        assert expected.leads[0] == 0 < expected.leads[-1] < 1


def assert_equals_plain_gala(ours: GALALoss) -> None:
    """Compare a loss bit for bit with GALA, and its state with GALA's."""
    plain = GALALoss(C)
    for logits, target in batches():
        logits.requires_grad_()
        assert ours(logits, target) == plain(logits, target)
    assert ours.state_dict().keys() == plain.state_dict().keys()
    for name, value in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


@dataclass
class _Steps:
    """Mean loss and lead of each batch, and the statistics after the last."""

    theta: np.ndarray = field(default_factory=lambda: np.zeros(C))
    seen: np.ndarray = field(default_factory=lambda: np.zeros(C))
    recent: np.ndarray = field(default_factory=lambda: np.zeros(C))
    losses: list[float] = field(default_factory=list)
    leads: list[float] = field(default_factory=list)


def _by_the_formula(
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    lambda_pos: float,
    lambda_neg: float,
    count_share: float,
    label_margin: float = 0.0,
    lead_memory: float = 0.0,
) -> _Steps:
    s = _Steps()
    for logits, target in batches:
        seen = [k for k in range(C) if s.seen[k] > 0]
        lead = 1.0
        if lead_memory:
            fitted = sum(s.recent[k] for k in seen) / max(len(seen), 1)
            lead = max(0.0, 2 * fitted - 1)
        positive, negative = (1 + lead * (x - 1) for x in (lambda_pos, lambda_neg))
        level = (1 - count_share) * np.log(s.theta + EPS)
        level += count_share * np.log(s.seen + EPS)
        error = (s.theta + EPS) / (s.seen + EPS)
        theta, samples, total = s.theta.copy(), s.seen.copy(), 0.0
        probabilities: list[list[float]] = [[] for _ in range(C)]
        for z, k in zip(logits.numpy(), target.tolist(), strict=True):
            adjusted = z.copy()
            largest = max((error[j] for j in seen), default=error[k])
            adjusted[k] -= lead * label_margin * min(1, error[k] / largest) ** 0.5
            for j in range(C):
                if j != k:
                    adjusted[j] += positive * level[j] - negative * level[k]
            log_p = adjusted[k] - np.logaddexp.reduce(adjusted)
            total -= log_p
            theta[k] += 1 - np.exp(log_p)
            samples[k] += 1
            probabilities[k].append(np.exp(log_p))
        for k, found in enumerate(probabilities):
            if found and lead_memory:
                kept = np.exp(-len(found) / lead_memory)
                s.recent[k] = kept * s.recent[k] + (1 - kept) * np.mean(found)
        s.theta, s.seen = theta, samples
        s.losses.append(total / len(target))
        s.leads.append(lead)
    return s
