"""Losses that are observed, and the gradients that they should have."""

import torch

from mmgala.engine.gradient_recording.loss_observer import LossObserver

N, C = 12, 5


def cross_entropy(z, t):
    return -(t * z.log_softmax(0)).sum()


def smoothed(z, t):
    return cross_entropy(z, 0.9 * t + 0.1 / C)


def per_sample_gradients(formula, logits, soft):
    """Gradient of each sample's loss, computed separately, ``(N, C)``."""
    rows = []
    for z, t in zip(logits, soft, strict=True):
        z = z.detach().clone().requires_grad_()
        formula(z, t).backward()
        rows.append(z.grad)
    return torch.stack(rows)


def observe(module):
    """Observe ``module``; return the observer and the list that it fills."""
    seen = []
    return LossObserver(module, lambda grad, target: seen.append((grad, target))), seen
