"""`DecoupledClassifier` needs no search for unused parameters under DDP."""

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmpretrain.models.heads import LinearClsHead
from torch.testing import assert_close

from tests.models.classifiers.small_decoupled import (
    build,
    changed,
    snapshot,
    train,
)

TRAINED = {'head.fc.weight', 'head.fc.bias'}


class Halves(MMDistributedDataParallel):
    """Gives each of two ranks its half of a batch."""

    def train_step(self, data, optim_wrapper):
        rank = torch.distributed.get_rank()
        share = {key: values[rank::2] for key, values in data.items()}
        return super().train_step(share, optim_wrapper)


def build_plain(norm_eval):
    return build(head=LinearClsHead, norm_eval=norm_eval)


def train_on_ranks(rank, world_size, norm_eval):
    """Three steps: DDP complains in the second of a parameter without gradient."""
    model = build_plain(norm_eval)
    before = snapshot(model)
    wrapped = Halves(model, broadcast_buffers=False)
    assert not wrapped.find_unused_parameters
    train(wrapped, steps=3)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    return state, changed(before, model)


def test_ranks_with_fixed_statistics_train_as_one_process_does(rank_pool):
    model = build_plain(norm_eval=True)
    before = snapshot(model)
    train(model, steps=3)
    assert changed(before, model) == TRAINED

    for state, changes in rank_pool.run(train_on_ranks, 2, norm_eval=True):
        assert changes == TRAINED
        for name, expected in model.state_dict().items():
            assert_close(torch.from_numpy(state[name]), expected)


def test_ranks_with_moving_statistics_agree_on_the_head(rank_pool):
    model = build_plain(norm_eval=False)
    running = {name for name, _ in model.named_buffers() if 'backbone.' in name}

    (first, changes), (second, _) = rank_pool.run(train_on_ranks, 2, norm_eval=False)

    assert changes == TRAINED | running
    for name in TRAINED:
        assert first[name].tobytes() == second[name].tobytes()
    # Each rank saw other images.
    name = 'backbone.bn1.running_mean'
    assert first[name].tobytes() != second[name].tobytes()


def train_after_freezing_late(rank, world_size):
    """Freeze after wrapping, which DDP does not support."""
    model = build_plain(norm_eval=True).requires_grad_(True)
    wrapped = Halves(model, broadcast_buffers=False)
    model.backbone.requires_grad_(False)
    train(wrapped, steps=3)


def test_freezing_after_wrapping_fails(rank_pool):
    with pytest.raises(RuntimeError, match='did not receive grad|finished reduction'):
        rank_pool.run(train_after_freezing_late, 2)
