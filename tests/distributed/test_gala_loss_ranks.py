"""However many ranks share the batches, GALA trains as one process does."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.distributed.training import (
    BATCH_SIZES,
    NUM_CLASSES,
    mixed_batch,
    train,
    train_with_mixup_on_one_rank,
)
from tests.reference.gala_numpy import Gala

TRAININGS = [('paper', 'hard'), ('official', 'hard'), ('paper', 'soft')]
TOLERANCE = dict(rtol=1e-6, atol=1e-6)


@pytest.fixture(scope='module')
def single():
    """The same trainings in one process."""
    return {
        (variant, kind): train(0, 1, 'none', variant, kind)
        for variant, kind in TRAININGS
    }


@pytest.fixture(scope='module', params=[2, 4])
def world_size(request):
    return request.param


@pytest.fixture(scope='module', params=['DDP', 'MMDDP'])
def wrapper(request):
    return request.param


@pytest.fixture(scope='module', params=TRAININGS, ids='-'.join)
def trained(request, single, rank_pool, world_size, wrapper):
    """Result of one process, and of each rank."""
    variant, kind = request.param
    arguments = dict(wrapper=wrapper, variant=variant, target_kind=kind)
    return single[request.param], rank_pool.run(train, world_size, **arguments)


def test_statistics_equal_those_of_one_process(trained):
    one, ranks = trained
    for name, expected in one['statistics'].items():
        if not name.endswith('_low'):  # what rounding cuts off depends on the order
            assert_allclose(ranks[0]['statistics'][name], expected, **TOLERANCE)


def test_statistics_are_bitwise_the_same_on_every_rank(trained):
    _, ranks = trained
    for name, expected in ranks[0]['statistics'].items():
        for rank in ranks[1:]:
            assert rank['statistics'][name].tobytes() == expected.tobytes()


def test_mean_loss_of_the_ranks_is_the_loss_of_one_process(trained):
    one, ranks = trained
    assert len(one['loss']) == len(BATCH_SIZES) == 20
    mean = np.mean([rank['loss'] for rank in ranks], axis=0)
    assert_allclose(mean, one['loss'], **TOLERANCE)


def test_final_weights_equal_those_of_one_process(trained):
    one, ranks = trained
    for name, expected in one['weights'].items():
        for rank in ranks:
            assert_allclose(rank['weights'][name], expected, **TOLERANCE)


def test_the_training_moves_weights_and_statistics(single):
    for result in single.values():
        assert result['loss'][-1] != result['loss'][0]
        assert result['statistics']['pos_grad'].min() > 0


@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_one_rank_may_have_soft_labels_where_another_has_class_indices(
    rank_pool, variant
):
    """MMPretrain draws whether a batch is mixed on each rank by itself."""
    ranks = rank_pool.run(train_with_mixup_on_one_rank, 2, variant=variant)

    expected = Gala(NUM_CLASSES, variant=variant)
    for _ in range(2):
        batches = [mixed_batch(kind) for kind in ('hard', 'soft')]
        sums = [expected.evaluate(*batch)[2:] for batch in batches]
        expected.accumulate(*np.sum(sums, axis=0), batch_size=7)
    for rank in ranks:
        assert_allclose(rank['pos_grad'], expected.theta, rtol=1e-5, atol=1e-6)
        assert_allclose(rank['neg_grad'], expected.phi, rtol=1e-5, atol=1e-6)
