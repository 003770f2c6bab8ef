"""Evaluation on one rank, for tests over several processes."""

from mmengine.dataset import DefaultSampler
from mmpretrain.evaluation import Accuracy

from mmgala.evaluation import LongTailedAccuracy, RebalancingEvaluator, ScoreDump
from tests.evaluation.predictions import as_samples, biased_scores

NUM_CLASSES = 4
COUNTS = [500, 50, 15, 3]


def run_test(rank, world_size, num_samples, rebalanced, batch_size=4, **steps):
    """Deal the samples as MMEngine's test loader does, and evaluate.

    Returns:
        The metrics, and the collected scores (of rank 0).
    """
    scores, target = biased_scores(num_samples, NUM_CLASSES)
    dump = ScoreDump()
    metrics = [LongTailedAccuracy(topk=(1, 2)), Accuracy(prefix='theirs'), dump]
    evaluator = RebalancingEvaluator(metrics, tau=1.3 if rebalanced else 0.0, **steps)
    evaluator.dataset_meta = {'class_counts': COUNTS}
    own = list(DefaultSampler(target, shuffle=False))
    assert len(own) == -(-num_samples // world_size)
    for start in range(0, len(own), batch_size):
        batch = own[start : start + batch_size]
        evaluator.process(as_samples(scores[batch], target[batch]))
    return evaluator.evaluate(num_samples), dump.scores
