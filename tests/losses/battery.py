"""A batch for every loss, and what a loss makes of it."""

import pytest
import torch
from torch.testing import assert_close

from tests.batches import random_logits, random_target
from tests.losses.loss_cases import NUM_CLASSES

N = 12


def batch(kind='hard', num_samples=N, scale=2.0):
    """Float64 logits that take a gradient, and labels of all classes."""
    logits = random_logits(num_samples, NUM_CLASSES, scale=scale).requires_grad_()
    return logits, random_target(kind, num_samples, NUM_CLASSES)


def gradient(loss, logits):
    return torch.autograd.grad(loss.sum(), logits)[0]


def state(loss):
    """All buffers, derived ones too."""
    return {name: buffer.clone() for name, buffer in loss.named_buffers()}


def refused(loss_module, message, logits, target, **call):
    """The call is refused in one line, and changes no state."""
    before = state(loss_module)
    with pytest.raises(ValueError, match=message) as caught:
        loss_module(logits, target, **call)
    assert '\n' not in str(caught.value)
    assert_close(state(loss_module), before, rtol=0, atol=0)
