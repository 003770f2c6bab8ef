"""A small training that gives the same result however many ranks share a batch."""

import math

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mmgala.models import GALALoss
from tests.batches import random_logits, random_target

NUM_CLASSES, NUM_FEATURES = 6, 5
# Of the batches of 5, four ranks get 2, 2, 1 and 0; of that of 1, only one gets it.
BATCH_SIZES = [8] * 6 + [5] + [8] * 5 + [1] + [8] * 6 + [5]


class Classifier(BaseModel):
    """Two linear layers and GALA, as MMEngine and plain DDP call it."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(NUM_FEATURES, 7), nn.ReLU(), nn.Linear(7, NUM_CLASSES)
        )
        self.loss = GALALoss(NUM_CLASSES, 1.2, 0.9, variant=variant)

    def forward(
        self, features: Tensor, target: Tensor, avg_factor: float, mode: str = 'loss'
    ) -> dict[str, Tensor]:
        """Loss of this rank's share of the batch."""
        assert mode == 'loss'
        logits = self.net(features)
        return dict(loss=self.loss(logits, target, avg_factor=avg_factor))


def batches(target_kind: str) -> list[tuple[Tensor, Tensor]]:
    """All global batches, the same on every rank."""
    result = []
    for seed, size in enumerate(BATCH_SIZES):
        generator = torch.Generator().manual_seed(seed)
        features = torch.randn(size, NUM_FEATURES, generator=generator)
        # Squaring makes a long tail: class 0 has many more samples than class 5.
        labels = torch.rand(size, generator=generator).pow(2).mul(NUM_CLASSES).long()
        features[:, 0] += labels
        target = labels
        if target_kind == 'soft':
            target = random_target('soft', size, NUM_CLASSES, seed).float()
        result.append((features, target))
    return result


def share_of_rank(batch: Tensor, rank: int, world_size: int) -> Tensor:
    """Consecutive samples of a global batch; the last ranks may get fewer or none."""
    size = math.ceil(len(batch) / world_size)
    return batch[rank * size : (rank + 1) * size]


def train(
    rank: int, world_size: int, wrapper: str, variant: str, target_kind: str
) -> dict:
    """Train on this rank's share of each batch.

    Returns:
        ``loss`` of each step, the loss's buffers and the weights, as NumPy arrays.
    """
    assert (get_rank(), get_world_size()) == (rank, world_size)
    torch.manual_seed(0)
    model = Classifier(variant)
    wrapped = {
        'none': lambda: model,
        'DDP': lambda: DistributedDataParallel(model),
        'MMDDP': lambda: MMDistributedDataParallel(model, broadcast_buffers=False),
    }[wrapper]()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for features, target in batches(target_kind):
        data = dict(
            features=share_of_rank(features, rank, world_size),
            target=share_of_rank(target, rank, world_size),
            avg_factor=len(features) / world_size,
        )
        if wrapper == 'MMDDP':
            log_vars = wrapped.train_step(data, OptimWrapper(optimizer))
            losses.append(float(log_vars['loss']))
        else:
            loss = wrapped(**data)['loss']
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return dict(
        loss=losses,
        statistics={n: b.numpy() for n, b in model.loss.named_buffers()},
        weights={n: p.detach().numpy() for n, p in model.named_parameters()},
    )


def mixed_batch(kind: str) -> tuple[Tensor, Tensor]:
    """One rank's batch: 4 samples with class indices or 3 with soft labels."""
    size = {'hard': 4, 'soft': 3}[kind]
    target = random_target(kind, size, NUM_CLASSES)
    return random_logits(size, NUM_CLASSES), target


def train_with_mixup_on_one_rank(rank: int, world_size: int, variant: str) -> dict:
    """Two steps in which rank 0 has class indices and rank 1 soft labels."""
    loss_module = GALALoss(NUM_CLASSES, variant=variant)
    logits, target = mixed_batch(('hard', 'soft')[rank])
    for _ in range(2):
        loss_module(logits.requires_grad_(), target).backward()
    return {n: b.numpy() for n, b in loss_module.named_buffers()}
