"""One sequence per seed and epoch, split over the ranks; infinite samplers."""

from itertools import islice, product

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.registry import DATA_SAMPLERS

from mmgala.datasets import ClassAwareSampler, ClassBalancedSampler, LongTailedDataset
from tests.datasets.samplers.chi_square import Labelled
from tests.datasets.samplers.gloo import draw_on_rank

COUNTS = (17, 8, 4, 2)
DATA = Labelled(COUNTS)  # 31 samples
SAMPLERS = [
    (ClassAwareSampler, dict(num_samples_per_class=4)),
    (ClassBalancedSampler, dict(mode='instance')),
    (ClassBalancedSampler, dict(mode='class')),
    (ClassBalancedSampler, dict(mode='progressive', num_epochs=3)),
]


@pytest.fixture(params=SAMPLERS, ids=lambda param: f'{param[0].__name__}-{param[1]}')
def build(request):
    """Factory for one of the samplers."""
    sampler_class, settings = request.param

    def make(**kwargs):
        return sampler_class(DATA, **{'seed': 7, **settings, **kwargs})

    make.arguments = sampler_class, settings
    return make


@pytest.fixture
def ranks(build, on_ranks):
    """Factory: one of these samplers on each rank."""
    sampler_class, settings = build.arguments

    def make(world_size, **kwargs):
        return on_ranks(world_size, sampler_class, DATA, seed=7, **settings, **kwargs)

    return make


def epoch_of(sampler, epoch):
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.mark.parametrize('world_size', [1, 2, 4, 40])
@pytest.mark.parametrize('epoch', [0, 2])
def test_ranks_together_draw_what_one_process_draws(build, ranks, world_size, epoch):
    expected = epoch_of(build(), epoch)
    drawn = [epoch_of(sampler, epoch) for sampler in ranks(world_size)]
    assert {len(indices) for indices in drawn} == {-(-31 // world_size)}
    assert np.array(drawn).T.ravel()[:31].tolist() == expected


def test_all_ranks_report_their_length(ranks):
    for world_size in (1, 2, 3, 4, 31, 40):
        for sampler in ranks(world_size):
            assert len(sampler) == len(list(sampler))


def test_padding_draw_differs_from_epoch_to_epoch(ranks):
    last = ranks(4)[3]
    assert len({epoch_of(last, epoch)[-1] for epoch in range(20)}) > 5


def test_sequence_depends_only_on_seed_and_epoch(build):
    sampler = build()
    first = epoch_of(sampler, 3)
    epoch_of(sampler, 1)
    assert epoch_of(sampler, 3) == first == epoch_of(build(), 3)


def test_other_seeds_and_epochs_give_other_sequences(build):
    pairs = product(range(5), repeat=2)
    sequences = {tuple(epoch_of(build(seed=seed), epoch)) for seed, epoch in pairs}
    assert len(sequences) == 25  # not those of seed + epoch


def test_seed_is_chosen_where_none_is_given(build):
    one, other = build(seed=None), build(seed=None)
    assert one.seed != other.seed
    assert list(one) != list(other)


@pytest.mark.parametrize('world_size', [1, 2, 4, 40])
def test_infinite_ranks_together_draw_epoch_after_epoch(build, ranks, world_size):
    one = build()
    expected = np.concatenate([one.epoch_indices(epoch) for epoch in range(12)])
    steps = len(expected) // world_size
    samplers = ranks(world_size, infinite=True)
    drawn = np.array([list(islice(sampler, steps)) for sampler in samplers])
    assert drawn.T.ravel().tolist() == expected[: steps * world_size].tolist()


@pytest.mark.parametrize('world_size', [1, 3, 40])
@pytest.mark.parametrize('seen', [0, 10, 31, 100])
def test_skipping_is_the_same_as_drawing(ranks, world_size, seen):
    for sampler in ranks(world_size, infinite=True)[::20]:
        expected = list(islice(sampler, seen, seen + 40))
        sampler.skip(seen)
        assert list(islice(sampler, 40)) == expected


def test_skipping_takes_constant_time(build, monkeypatch):
    sampler = build(infinite=True)
    epochs = []
    draw = type(sampler).epoch_indices
    monkeypatch.setattr(
        type(sampler),
        'epoch_indices',
        lambda self, epoch: epochs.append(epoch) or draw(self, epoch),
    )
    sampler.skip(31 * 10**9 + 30)
    next(iter(sampler))
    assert epochs == [10**9]


def test_infinite_sampler_counts_its_epochs_itself(build):
    sampler = build(infinite=True)
    expected = list(islice(sampler, 50))
    sampler.set_epoch(4)
    assert list(islice(sampler, 50)) == expected
    assert len(sampler) == 31


def test_only_an_infinite_sampler_has_skip(build):
    assert hasattr(build(infinite=True), 'skip')
    assert not hasattr(build(), 'skip')


@pytest.mark.parametrize('start', [0, 1, 8, 11, 15, 99])
def test_start_within_an_epoch_leaves_the_rest_of_it(ranks, start):
    for sampler in ranks(3):
        whole = epoch_of(sampler, 1)
        sampler.start_at(start)
        sampler.set_epoch(1)  # as MMEngine's DistSamplerSeedHook does
        assert list(sampler) == whole[start:]
        assert list(sampler) == whole, 'only the next iteration starts late'
        assert len(sampler) == 11


def test_negative_start_is_refused(build):
    with pytest.raises(ValueError, match='`num_samples` to be 0 or more, but got -1'):
        build().start_at(-1)
    with pytest.raises(ValueError, match='`num_samples` to be 0 or more, but got -1'):
        build(infinite=True).skip(-1)


@pytest.mark.parametrize('wrap', ['long-tailed', 'concatenated', 'repeated'])
def test_wrapped_data_sets(balanced, wrap):
    data = {
        'long-tailed': lambda: LongTailedDataset(balanced(3, 8), imbalance_factor=4),
        'concatenated': lambda: ConcatDataset([balanced(3, 2), balanced(3, 4)]),
        'repeated': lambda: RepeatDataset(balanced(3, 4), times=2),
    }[wrap]()
    sampler = ClassAwareSampler(data, num_samples_per_class=2, num_samples=60, seed=0)
    labels = [data[index]['gt_label'] for index in sampler]
    assert labels[::2] == labels[1::2]
    assert np.bincount(labels).tolist() == [20, 20, 20]


@pytest.mark.parametrize('name', ['ClassAwareSampler', 'ClassBalancedSampler'])
def test_config_builds_a_sampler(name):
    config = dict(type=f'mmgala.{name}', num_samples=8)
    sampler = DATA_SAMPLERS.build(config, default_args=dict(dataset=DATA, seed=3))
    assert (type(sampler).__name__, sampler.num_samples, sampler.seed) == (name, 8, 3)


def test_processes_agree_on_a_seed_and_draw_their_shares(rank_pool):
    results = rank_pool.run(draw_on_rank, 2, counts=COUNTS, epoch=2)
    (seed,) = {result[0] for result in results}
    one = ClassAwareSampler(DATA, seed=seed)
    merged = np.array([indices for _, indices in results]).T.ravel()
    assert merged.shape == (32,)
    assert merged[:31].tolist() == epoch_of(one, 2)
