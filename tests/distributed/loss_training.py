"""One or several ranks call a loss on their share of the same batches."""

import contextlib
from collections.abc import Iterator
from unittest import mock

import torch
from torch import Tensor

from tests.batches import random_logits, random_target
from tests.losses.loss_cases import CASES, NUM_CLASSES

# Where the shares of two ranks part; of two batches, one rank has nothing.
PARTS = [(7, 2), (6, 0), (1, 1), (8, 3), (5, 5), (9, 4)]


def share_of(size: int, part: int, rank: int, world_size: int) -> slice:
    """The samples of a rank: the first ``part`` of them, or the rest."""
    if world_size == 1:
        return slice(0, size)
    return slice(0, part) if rank == 0 else slice(part, size)


def weights(size: int, step: int) -> Tensor:
    """Weight of each sample of a batch; a third of them are 0."""
    return torch.tensor([0.0, 0.5, 2.0])[(torch.arange(size) + step) % 3]


@contextlib.contextmanager
def draws_of(share: slice, size: int, seed: int) -> Iterator[None]:
    """Numbers are drawn for the whole batch, of which a rank takes its share."""
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(size, NUM_CLASSES, generator=generator)
    normal = torch.randn(size, NUM_CLASSES, generator=generator)
    rand = mock.patch.object(torch, 'rand', return_value=uniform[share])
    normal_ = mock.patch.object(
        Tensor, 'normal_', lambda self, std: self.copy_(std * normal[share])
    )
    with rand, normal_:
        yield


def call_loss(rank: int, world_size: int) -> dict[str, dict]:
    """Value, gradient and state of every loss, after steps of unequal shares."""
    return {name: _steps(name, rank, world_size) for name in CASES}


def _steps(name: str, rank: int, world_size: int) -> dict:
    loss_module = CASES[name].build()
    values, gradients = [], []
    for step, (size, part) in enumerate(PARTS):
        share = share_of(size, part, rank, world_size)
        logits = random_logits(size, NUM_CLASSES, step)[share].requires_grad_()
        target = random_target('hard', size, NUM_CLASSES, step)[share]
        weight = weights(size, step)[share]
        with draws_of(share, size, step):
            loss = loss_module(logits, target, weight, avg_factor=size)
        gradients.append(torch.autograd.grad(loss, logits)[0].numpy())
        values.append(loss.item())
    state = {n: b.numpy() for n, b in loss_module.named_buffers()}
    return dict(values=values, gradients=gradients, state=state)
