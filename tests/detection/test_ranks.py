"""Ranks without foreground or regions: nobody waits, and all have the same statistics.

The pool of ranks limits the time of each collective and each job.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.detection.batches import NUM_CLASSES
from tests.detection.rank_training import (
    STEPS,
    batch_of,
    train_detector,
    train_losses,
)
from tests.reference.gala_detection_numpy import (
    DenseObjectness,
    Exclude,
    Objectness,
)

REFERENCES = {
    'exclude': lambda: Exclude(NUM_CLASSES),
    'objectness': lambda: Objectness(NUM_CLASSES),
    'dense objectness': lambda: DenseObjectness(NUM_CLASSES),
}


@pytest.mark.parametrize('form', REFERENCES)
def test_statistics_are_those_of_all_ranks_together(rank_pool, form):
    ranks = rank_pool.run(train_losses, 2, form=form)
    for stage in range(2):
        reference = REFERENCES[form]()
        for step in range(STEPS):
            batches = [batch_of(form, step, stage, rank) for rank in range(2)]
            sums = [
                reference.evaluate(*(t.detach().numpy() for t in batch))[2:]
                for batch in batches
                if batch is not None
            ]
            for theta, phi in sums:
                reference.theta += theta
                reference.phi += phi
        expected = np.stack([reference.theta, reference.phi])
        for rank in ranks:
            assert_allclose(rank[stage], expected, rtol=1e-5, atol=1e-6)
            assert rank[stage].tobytes() == ranks[0][stage].tobytes()


@pytest.mark.parametrize('kind', ['exclude', 'objectness', 'retina'])
def test_a_rank_without_any_foreground_does_not_stop_the_others(rank_pool, kind):
    first, second = rank_pool.run(train_detector, 2, kind=kind, empty='foreground')
    for mine, theirs in zip(first['statistics'], second['statistics'], strict=True):
        assert mine.tobytes() == theirs.tobytes()
        assert mine.any()
    assert first['keys'] == second['keys']
    assert first['weights'] == second['weights']


@pytest.mark.parametrize('kind', ['exclude', 'objectness'])
def test_a_rank_without_any_region_does_not_stop_the_others(rank_pool, kind):
    first, second = rank_pool.run(train_detector, 2, kind=kind, empty='regions')
    for mine, theirs in zip(first['statistics'], second['statistics'], strict=True):
        assert mine.tobytes() == theirs.tobytes()
        assert mine.any()
    assert first['weights'] == second['weights']
