"""Two ranks that share batches unequally equal one process, for every loss."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.distributed.loss_training import PARTS, call_loss, weights
from tests.losses.loss_cases import CASES

TOLERANCE = dict(rtol=1e-6, atol=1e-7)


@pytest.fixture(scope='module')
def single():
    return call_loss(0, 1)


@pytest.fixture(scope='module')
def ranks(rank_pool):
    return rank_pool.run(call_loss, 2)


@pytest.mark.parametrize('name', CASES)
def test_values_add_up_to_those_of_one_process(name, single, ranks):
    total = np.sum([rank[name]['values'] for rank in ranks], axis=0)
    assert_allclose(total, single[name]['values'], **TOLERANCE)


@pytest.mark.parametrize('name', CASES)
def test_gradients_are_those_of_one_process(name, single, ranks):
    pairs = zip(*(rank[name]['gradients'] for rank in ranks), strict=True)
    for shares, expected in zip(pairs, single[name]['gradients'], strict=True):
        assert_allclose(np.concatenate(shares), expected, **TOLERANCE)
        assert expected.any()


@pytest.mark.parametrize('name', CASES)
def test_state_is_that_of_one_process_on_every_rank(name, single, ranks):
    for rank in ranks:
        for buffer, expected in single[name]['state'].items():
            assert_allclose(rank[name]['state'][buffer], expected, **TOLERANCE)


def test_seesaw_counts_all_samples_but_those_of_weight_0(ranks):
    batches = enumerate(size for size, _ in PARTS)
    expected = sum(int(weights(size, step).count_nonzero()) for step, size in batches)
    for rank in ranks:
        assert rank['seesaw']['state']['seen'].sum() == expected
