"""The computed cost of a step is that of a measured one."""

import pytest

from mmgala.sharding.cost import StepCost, check_memory, enough_ranks
from tests.sharding.cost_ranks import measure

SIZES = [(4000, 16, 8), (1000, 64, 32), (2001, 32, 4)]
LABEL_SIZES = 8  # bytes for each rank's batch size, on the CPU alone


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('world_size', [1, 2, 4])
def test_bytes_sent_and_memory_are_those_of_a_step(rank_pool, world_size, size):
    cost = StepCost(*size, ranks=world_size)
    keys = ('num_classes', 'num_features', 'batch')

    measured = rank_pool.run(measure, world_size, **dict(zip(keys, size, strict=True)))

    first = measured[0]
    sizes = LABEL_SIZES * (world_size - 1)
    assert first['sent'] == cost.bytes_sent() + sizes
    assert first['peak'] == pytest.approx(cost.memory(), rel=0.05)


def test_drawn_classes_cost_less(rank_pool):
    cost = StepCost(4000, 16, 8, ranks=2, rate=0.25)
    arguments = dict(num_classes=4000, num_features=16, batch=8, rate=0.25)
    measured = rank_pool.run(measure, 2, **arguments)[0]
    assert measured['peak'] == pytest.approx(cost.memory(), rel=0.05)
    assert cost.memory() < StepCost(4000, 16, 8, ranks=2).memory()


def test_weights_shrink_with_the_ranks_and_logits_do_not():
    one, four = (StepCost(10_000, 64, 32, ranks=r).parts() for r in (1, 4))
    assert four['weights'] == one['weights'] / 4
    assert four['logits'] == one['logits']


def test_memory_that_is_not_enough_is_refused_with_a_number_of_ranks_that_is():
    cost = StepCost(1_000_000, 512, 8)
    available = 3e9
    ranks = enough_ranks(cost, available)
    assert StepCost(1_000_000, 512, 8, ranks).memory() <= available
    assert StepCost(1_000_000, 512, 8, ranks // 2).memory() > available
    with pytest.raises(ValueError, match=rf'6.22 GB .* 3 GB .*: {ranks} ranks would'):
        check_memory(cost, available)
    check_memory(cost, 7e9)


def test_a_batch_too_large_for_any_number_of_ranks_is_refused():
    with pytest.raises(ValueError, match=r'no number of ranks .* `negative_rate`'):
        check_memory(StepCost(1_000_000, 512, 4096), 3e9)


def test_a_head_checks_before_the_first_step(monkeypatch):
    from tests.sharding import cost_ranks

    small = 'mmgala.models.heads.sharded_head.available_memory'
    monkeypatch.setattr(small, lambda device: 1e5)
    with pytest.raises(ValueError, match=r'^4000 classes on 1 ranks need .*GB'):
        cost_ranks.measure(0, 1, 4000, 16, 8)
