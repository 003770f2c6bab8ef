"""Chi-square tests of draws on 1, 2 and 4 ranks, and checks of their power."""

import numpy as np
import pytest

from mmgala.datasets import ClassAwareSampler, ClassBalancedSampler
from mmgala.datasets.samplers import class_samplers
from mmgala.datasets.samplers.epoch_sampler import SamplesByClass
from tests.datasets.samplers.chi_square import (
    BAD,
    GOOD,
    Labelled,
    class_order_p_value,
    merged_epochs,
    next_cycle_p_value,
    sample_order_p_value,
    sample_p_value,
)

COUNTS = np.array([24, 9, 4, 2, 1])
DATA = Labelled(COUNTS)
FEW = Labelled([5, 3, 1, 2])  # of 4 classes, for tests of orders
NUM_EPOCHS = 10

INSTANCE = COUNTS / 40
CLASS = np.full(5, 0.2)
SQRT = np.sqrt(COUNTS) / np.sqrt(COUNTS).sum()
# Mode, epoch and probabilities by the paper's formulas.
PAPER = {
    'instance': ('instance', 0, INSTANCE),
    'class': ('class', 0, CLASS),
    'sqrt': ('sqrt', 0, SQRT),
    'progressive, start': ('progressive', 0, INSTANCE),
    'progressive, middle': ('progressive', 5, 0.5 * INSTANCE + 0.5 * CLASS),
    'progressive, last': ('progressive', 9, 0.1 * INSTANCE + 0.9 * CLASS),
    'progressive, after': ('progressive', 12, CLASS),
}


def epochs_of(mode):
    return NUM_EPOCHS if mode == 'progressive' else None


@pytest.fixture(params=[1, 2, 4])
def world_size(request):
    return request.param


@pytest.mark.parametrize('name', PAPER)
def test_balanced_draws_follow_the_paper_on_each_rank(on_ranks, name, world_size):
    mode, epoch, expected = PAPER[name]
    samplers = on_ranks(
        world_size, ClassBalancedSampler, DATA, mode, epochs_of(mode), num_samples=8
    )
    np.testing.assert_allclose(samplers[0].class_probabilities(epoch), expected)
    assert sample_p_value(samplers[-1], expected, place=1, epoch=epoch) > GOOD


@pytest.mark.parametrize('rank', [1, 2, 3])
@pytest.mark.parametrize('mode', ['instance', 'sqrt'])
def test_padding_draws_have_the_same_distribution(on_ranks, mode, rank):
    sampler = on_ranks(4, ClassBalancedSampler, DATA, mode, num_samples=5)[rank]
    assert len(sampler) == 2
    assert sample_p_value(sampler, PAPER[mode][2], place=1) > GOOD


def test_class_aware_draws_are_uniform_over_classes_and_within(on_ranks, world_size):
    samplers = on_ranks(
        world_size, ClassAwareSampler, DATA, num_samples_per_class=1, num_samples=7
    )
    for sampler in samplers:
        assert sample_p_value(sampler, CLASS, place=1) > GOOD


def test_class_aware_orders_are_uniform(on_ranks, world_size):
    samplers = on_ranks(world_size, ClassAwareSampler, FEW, 3, num_samples=24, seed=0)
    epochs = merged_epochs(samplers)
    turns = FEW.labels[epochs[:, ::3]]
    assert class_order_p_value(turns) > GOOD
    assert next_cycle_p_value(turns) > GOOD
    assert sample_order_p_value(epochs, members=np.flatnonzero(FEW.labels == 1)) > GOOD


# Each of the tests above detects the fault that it is meant for.


def test_wrong_exponent_is_detected(monkeypatch):
    monkeypatch.setitem(class_samplers.EXPONENTS, 'sqrt', 0.8)
    sampler = ClassBalancedSampler(DATA, 'sqrt', num_samples=8)
    assert sample_p_value(sampler, SQRT) < BAD


def test_wrong_epoch_is_detected():
    sampler = ClassBalancedSampler(DATA, 'progressive', NUM_EPOCHS, num_samples=8)
    assert sample_p_value(sampler, PAPER['progressive, middle'][2], epoch=9) < BAD


def test_uneven_draws_within_a_class_are_detected(monkeypatch):
    draw = SamplesByClass.draw

    def one_never(self, draws, rng):
        indices = draw(self, draws, rng)
        members = np.flatnonzero(DATA.labels == 2)
        indices[indices == members[-1]] = members[0]
        return indices

    monkeypatch.setattr(SamplesByClass, 'draw', one_never)
    balanced = ClassBalancedSampler(DATA, num_samples=8)
    assert sample_p_value(balanced, INSTANCE, draws=2000) < BAD
    class_aware = ClassAwareSampler(DATA, 1, num_samples=8)
    assert sample_p_value(class_aware, CLASS, draws=2000) < BAD


SHARES = {
    'right': lambda indices, rank: indices[rank::2],
    'all of rank 0': lambda indices, rank: indices[0::2],
    'blocks': lambda indices, rank: indices[8 * rank : 8 * rank + 8],
}


@pytest.mark.parametrize('name', SHARES)
def test_wrong_share_of_a_rank_is_detected(on_ranks, monkeypatch, name):
    def share(self):
        return SHARES[name](self.epoch_indices(self.epoch), self.rank)

    monkeypatch.setattr(ClassAwareSampler, '_epoch_of_rank', share)
    samplers = on_ranks(2, ClassAwareSampler, FEW, 1, num_samples=16, seed=0)
    p_value = class_order_p_value(FEW.labels[merged_epochs(samplers)])
    assert p_value > GOOD if name == 'right' else p_value < BAD


class Rolling(np.random.Generator):
    """Shuffles by rotation: each position is uniform, the order is not."""

    def permuted(self, x, axis):
        return np.roll(x, self.integers(x.shape[1]), axis)

    def permutation(self, x):
        return np.roll(np.arange(x), self.integers(x))


def test_non_uniform_orders_are_detected(monkeypatch):
    monkeypatch.setattr(
        'numpy.random.default_rng', lambda seed: Rolling(np.random.PCG64(seed))
    )
    epochs = merged_epochs([ClassAwareSampler(FEW, 3, num_samples=24, seed=0)])
    turns = FEW.labels[epochs[:, ::3]]
    assert class_order_p_value(turns) < BAD
    assert next_cycle_p_value(turns) < BAD
    assert sample_order_p_value(epochs, members=np.flatnonzero(FEW.labels == 1)) < BAD
