"""The computed cost of a step is that of a measured one."""

from functools import partial

import pytest
import torch

from mmgala.engine.class_shards_setup import states_per_parameter
from mmgala.models import GALAHead
from mmgala.sharding import ClassShards, memory, sample_classes
from mmgala.sharding.cost import StepCost, check_memory, enough_ranks
from tests.sharding.cost_ranks import error_of_a_step, measure

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


@pytest.mark.parametrize('rate', [0.001, 0.1, 0.99, 1])
def test_as_many_classes_are_drawn_as_are_counted(rate):
    cost = StepCost(1001, 16, 4, ranks=2, rate=rate)
    label = torch.arange(cost.samples)
    drawn, _ = sample_classes(label, ClassShards(1001, ranks=2), rate)
    assert cost.columns == len(drawn)


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
    with pytest.raises(ValueError, match=rf'6.22 GB .* 3 GB .*: {ranks} ranks with'):
        check_memory(cost, available)
    check_memory(cost, 7e9)


def test_a_batch_too_large_for_any_number_of_ranks_is_refused():
    with pytest.raises(ValueError, match=r'no number of ranks .* `negative_rate`'):
        check_memory(StepCost(1_000_000, 512, 4096), 3e9)


def test_weights_too_wide_for_any_number_of_ranks_are_refused():
    cost = StepCost(2, 10**10, 0)
    with pytest.raises(ValueError, match=r'80 GB .* 1 GB .*fewer input channels'):
        check_memory(cost, 1e9, weights_alone=True)


def test_a_head_checks_before_the_first_step(monkeypatch):
    from tests.sharding import cost_ranks

    free = 3e5  # bytes; the weights alone are 272 kB
    monkeypatch.setattr(memory, 'available_memory', lambda device: free)
    with pytest.raises(ValueError, match=r'^4000 classes on 1 ranks need .*8 samples'):
        cost_ranks.measure(0, 1, 4000, 16, 8)


def test_weights_that_do_not_fit_are_said_before_they_are_made(monkeypatch):
    monkeypatch.setattr(memory, 'available_memory', lambda device: 1e9)
    enough = r': 4 ranks with as much memory each would be enough\.$'
    with pytest.raises(ValueError, match=rf'^1000000 .* need 2\.05 GB .*{enough}'):
        GALAHead(10**6, 512, shard_classes=True)


def test_ranks_of_one_machine_share_its_memory(monkeypatch):
    monkeypatch.setattr(memory, 'available_memory', lambda device: 12e9)
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '4')
    assert memory.memory_of_rank(torch.device('cpu')) == 3e9


def test_all_ranks_refuse_what_does_not_fit_on_one(rank_pool):
    errors = rank_pool.run(error_of_a_step, 2, free_of_ranks=(1e9, 3e5))
    assert errors[0] == errors[1]
    assert '8000 classes on 2 ranks need' in errors[0]


@pytest.mark.parametrize(
    ('build', 'states'),
    [
        (partial(torch.optim.SGD, lr=0.1), 0),
        (partial(torch.optim.SGD, lr=0.1, momentum=0.9), 1),
        (torch.optim.AdamW, 2),
        (partial(torch.optim.Adam, amsgrad=True), 3),
    ],
)
def test_tensors_of_an_optimizer_are_those_that_it_makes(build, states):
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = build([weight])
    weight.sum().backward()
    optimizer.step()

    made = [v for v in optimizer.state[weight].values() if torch.is_tensor(v)]
    assert sum(v.shape == weight.shape for v in made) == states
    assert states_per_parameter(optimizer) == states
