"""Predictions over shared-out classes are those of all scores."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mmgala.functional import rebalance, sample_outcomes
from mmgala.sharding import ClassShards
from mmgala.sharding.prediction import ShardedClassMass
from tests.batches import random_target
from tests.sharding.prediction_ranks import (
    SAMPLES,
    all_logits,
    largest_message,
    metrics_of_test,
    predict,
)
from tests.sharding.runner_ranks import write_initial_weights


@pytest.mark.parametrize('tau', [0.0, 1.5])
@pytest.mark.parametrize('num_classes', [5, 11])
@pytest.mark.parametrize('world_size', [1, 2, 4])
def test_best_classes_and_ranks_of_labels(rank_pool, world_size, num_classes, tau):
    scores = all_logits(num_classes).softmax(dim=1)
    balanced = rebalance(scores, tau)
    best = balanced.topk(3, dim=1)
    label = random_target('hard', SAMPLES, num_classes)
    outcomes = sample_outcomes(balanced, label)

    ranks = rank_pool.run(predict, world_size, num_classes=num_classes, k=3, tau=tau)

    for top, classes, label_rank, _, _ in ranks:
        assert_allclose(top, best.values, atol=1e-10)
        assert_array_equal(classes, best.indices)
        assert_array_equal(label_rank, outcomes.rank)
    mass = np.concatenate([rank[4] for rank in ranks])
    assert_allclose(mass, scores.sum(dim=0), atol=1e-10)


def test_equal_logits_rank_by_index(rank_pool):
    rounded = all_logits(11).round(decimals=0)
    expected = sample_outcomes(rounded, random_target('hard', SAMPLES, 11)).rank

    ranks = rank_pool.run(predict, 4, num_classes=11, k=3, tau=0.0)

    for rank in ranks:
        assert_array_equal(rank[3], expected)


def test_no_rank_gets_all_scores(rank_pool):
    num_classes, k, ranks = 100, 3, 4
    largest = rank_pool.run(largest_message, ranks, num_classes=num_classes, k=k)
    assert max(largest) == ranks * SAMPLES * k


def test_too_few_samples_cannot_be_rebalanced():
    mass = ShardedClassMass.empty(ClassShards(5))
    mass.add(torch.zeros(3, 5))
    with pytest.raises(ValueError, match=r'5 classes from 3 samples'):
        mass.bias(1.0)


@pytest.mark.parametrize('tau', [0, 1.2])
def test_the_runner_reports_the_metrics_of_an_unsharded_head(rank_pool, tmp_path, tau):
    initial = tmp_path / 'initial.pth'
    write_initial_weights(initial)
    options = dict(work_dir=tmp_path, initial=str(initial))
    evaluator = dict(type='mmgala.GALAHead')

    shared = rank_pool.run(
        metrics_of_test,
        4,
        head=dict(evaluator, shard_classes=True),
        hooks=[dict(type='mmgala.ClassShardsHook', tau=tau)],
        tau=0,
        **options,
    )
    whole = rank_pool.run(
        metrics_of_test, 1, head=evaluator, hooks=[], tau=tau, **options
    )

    assert len(whole[0]) > 3
    for metrics in shared:
        assert metrics == pytest.approx(whole[0], abs=1e-6)
