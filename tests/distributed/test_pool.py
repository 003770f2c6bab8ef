"""The pool of ranks reports failures and never waits for ever."""

import time

import pytest
import torch
import torch.distributed as dist

from tests.distributed import pool as pool_module


def rank_sum(rank, world_size):
    total = torch.tensor([float(rank)])
    dist.all_reduce(total)
    return float(total), dist.get_world_size()


def fail_on_rank_1(rank, world_size):
    if rank == 1:
        raise ValueError('broken on purpose')


def sleep_for_ever(rank, world_size):
    while True:
        time.sleep(1)


@pytest.mark.parametrize(('world_size', 'expected'), [(2, 1.0), (4, 6.0)])
def test_ranks_of_one_pool_form_groups_of_any_size(rank_pool, world_size, expected):
    results = rank_pool.run(rank_sum, world_size)
    assert results == [(expected, world_size)] * world_size


def test_an_error_on_a_rank_is_reported_and_the_pool_stays_usable(rank_pool):
    with pytest.raises(RuntimeError, match='rank 1 failed(.|\n)*broken on purpose'):
        rank_pool.run(fail_on_rank_1, 2)
    assert rank_pool.run(rank_sum, 2) == [(1.0, 2)] * 2


def test_a_rank_that_hangs_is_killed(monkeypatch):
    pool = pool_module.RankPool(size=1)
    pool._start()
    process, _ = pool._ranks[0]
    monkeypatch.setattr(pool_module, 'JOB_LIMIT', 0.2)
    with pytest.raises(TimeoutError, match=r'ranks \[0\] did not answer'):
        pool.run(sleep_for_ever, 1)
    assert not process.is_alive()
    pool.close()
