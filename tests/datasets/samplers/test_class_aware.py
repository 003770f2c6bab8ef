"""Exact cycles of ClassAwareSampler."""

import numpy as np
import pytest

from mmgala.datasets import ClassAwareSampler
from tests.datasets.samplers.chi_square import Labelled

COUNTS = (7, 1, 3, 12, 2)
DATA = Labelled(COUNTS)


def blocks(sequence, size):
    """Consecutive chunks; the last may be shorter."""
    return [sequence[i : i + size] for i in range(0, len(sequence), size)]


@pytest.fixture(params=[1, 2, 4, 5, 13])
def per_class(request):
    return request.param


@pytest.fixture(params=[25, 240, 1003])
def epoch(request, per_class):
    sampler = ClassAwareSampler(DATA, per_class, num_samples=request.param, seed=5)
    return list(sampler)


def test_samples_of_a_class_are_consecutive(epoch, per_class):
    for turn in blocks(DATA.labels[epoch], per_class):
        assert len(set(turn)) == 1


def test_each_class_comes_once_before_any_comes_again(epoch, per_class):
    turns = DATA.labels[epoch][::per_class].tolist()
    *cycles, last = blocks(turns, len(COUNTS))
    assert all(sorted(cycle) == list(range(len(COUNTS))) for cycle in cycles)
    assert len(set(last)) == len(last)


def test_each_sample_of_a_class_comes_once_before_any_comes_again(epoch):
    epoch = np.array(epoch)
    for label, count in enumerate(COUNTS):
        members = np.flatnonzero(DATA.labels == label).tolist()
        drawn = epoch[DATA.labels[epoch] == label].tolist()
        *rounds, last = blocks(drawn, count) or [[]]
        assert all(sorted(once) == members for once in rounds)
        assert len(set(last)) == len(last)


def test_orders_change_from_cycle_to_cycle_and_from_round_to_round():
    sampler = ClassAwareSampler(DATA, 1, num_samples=500, seed=0)
    epoch = np.array(list(sampler))
    cycles = {tuple(cycle) for cycle in blocks(DATA.labels[epoch], 5)}
    rounds = {tuple(r) for r in blocks(epoch[DATA.labels[epoch] == 0], 7)}
    assert len(cycles) > 50  # of 100, from 120 orders
    assert len(rounds) == 15  # of 5,040 orders


@pytest.mark.parametrize(
    ('num_samples', 'length'), [(None, 25), ('oversample', 60), (1, 1), (26, 26)]
)
def test_length_of_an_epoch(num_samples, length):
    sampler = ClassAwareSampler(DATA, num_samples=num_samples, seed=0)
    assert len(sampler) == len(list(sampler)) == length


def test_oversampling_visits_every_sample():
    assert set(ClassAwareSampler(DATA, 4, 'oversample', seed=0)) == set(range(25))


def test_draws_of_an_epoch_are_python_integers():
    assert {type(index) for index in ClassAwareSampler(DATA)} == {int}
