"""Padding samples of several ranks are trained on, but not counted."""

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader

from mmgala.datasets import ClassBalancedSampler
from mmgala.engine.hooks.padding_hook import padding_of_batch
from tests.engine.index_training import COUNTS, NumberedSamples
from tests.engine.padded_ranks import train_on_rank

EPOCHS = 3


def batches(size, rank, world_size, batch_size, drop_last=False, sampler=None):
    """Padding and size of each batch of an epoch."""
    sampler = sampler or DefaultSampler(range(size), shuffle=False)
    sampler.rank, sampler.world_size = rank, world_size
    sampler.num_samples = -(-size // world_size)
    loader = DataLoader(range(size), batch_size, sampler=sampler, drop_last=drop_last)
    return [padding_of_batch(loader, index) for index in range(len(loader))]


def test_the_last_sample_of_some_ranks_is_padding():
    assert batches(284, 0, 3, 40) == [(0, 40), (0, 40), (0, 15)]
    assert batches(284, 1, 3, 40) == [(0, 40), (0, 40), (0, 15)]
    assert batches(284, 2, 3, 40) == [(0, 40), (0, 40), (1, 15)]


def test_a_batch_that_is_dropped_has_no_padding():
    assert batches(284, 2, 3, 40, drop_last=True) == [(0, 40), (0, 40)]


def test_a_batch_may_be_padding_alone():
    assert batches(9, 1, 2, 4) == [(0, 4), (1, 1)]


def test_without_a_remainder_there_is_no_padding():
    assert batches(8, 1, 2, 4) == [(0, 4)]


@pytest.mark.parametrize(
    'sampler',
    [
        DefaultSampler(range(9), round_up=False),
        InfiniteSampler(range(9)),
        ClassBalancedSampler(NumberedSamples(), infinite=True),
    ],
    ids=['not rounded up', 'infinite', 'ours, infinite'],
)
def test_samplers_without_padding(sampler):
    loader = DataLoader(NumberedSamples(), 4, sampler=sampler)
    assert padding_of_batch(loader, 1) == (0, 0)


@pytest.mark.parametrize('world_size', [2, 4])
@pytest.mark.parametrize('loss', ['gala', 'seesaw'])
def test_every_sample_of_an_epoch_counts_once(rank_pool, tmp_path, world_size, loss):
    # 23 samples; batches of one: on two ranks the last one is padding alone.
    options = dict(batch_size=1) if world_size == 2 else {}
    ranks = rank_pool.run(
        train_on_rank, world_size, work_dir=str(tmp_path), loss=loss, **options
    )
    assert ranks[0]['samples'] == [list(COUNTS)] * EPOCHS
    for rank in ranks:
        assert rank['statistics']['seen'] == [EPOCHS * n for n in COUNTS]


def test_our_samplers_count_their_draws(rank_pool, tmp_path):
    sampler = dict(type='mmgala.ClassBalancedSampler', mode='instance')
    ranks = rank_pool.run(
        train_on_rank, 2, work_dir=str(tmp_path), loss='gala', sampler=sampler
    )
    assert ranks[1]['statistics']['seen'] == [EPOCHS * n for n in COUNTS]
    assert ranks[0]['samples'] == [list(COUNTS)] * EPOCHS


def test_without_the_hook_losses_count_padding(rank_pool, tmp_path):
    ranks = rank_pool.run(
        train_on_rank, 2, work_dir=str(tmp_path), loss='gala', padding_hook=False
    )
    assert sum(ranks[0]['statistics']['seen']) == EPOCHS * 24
    assert ranks[0]['samples'] == [list(COUNTS)] * EPOCHS


def test_all_ranks_agree_on_statistics_and_weights(rank_pool, tmp_path):
    ranks = rank_pool.run(train_on_rank, 4, work_dir=str(tmp_path), loss='official')
    for rank in ranks[1:]:
        assert rank['statistics'] == ranks[0]['statistics']
        for name, value in ranks[0]['weights'].items():
            np.testing.assert_array_equal(rank['weights'][name], value)


def test_a_resumed_epoch_knows_its_padding(rank_pool, tmp_path):
    options = dict(work_dir=str(tmp_path), loss='gala', batch_size=4)
    options['sampler'] = dict(type='mmgala.ClassBalancedSampler', mode='instance')
    rank_pool.run(train_on_rank, 2, interrupt_after=2, **options)
    ranks = rank_pool.run(train_on_rank, 2, resume=True, **options)
    assert ranks[0]['statistics']['seen'] == [EPOCHS * n for n in COUNTS]
    assert ranks[0]['samples'] == [list(COUNTS)] * EPOCHS
