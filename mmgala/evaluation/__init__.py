"""Metrics for long tails, and what is done to scores after training."""

from mmgala.evaluation.evaluator import PostHocEvaluator, RebalancingEvaluator
from mmgala.evaluation.metrics.long_tailed_accuracy import LongTailedAccuracy
from mmgala.evaluation.score_dump import ScoreDump
from mmgala.evaluation.selection import PostHocChoice, choose_post_hoc
from mmgala.evaluation.strength_search import (
    TAU_GRID,
    TauSearch,
    TemperatureSearch,
    search_logit_adjustment,
    search_tau,
)

__all__ = [
    'TAU_GRID',
    'LongTailedAccuracy',
    'PostHocChoice',
    'PostHocEvaluator',
    'RebalancingEvaluator',
    'ScoreDump',
    'TauSearch',
    'TemperatureSearch',
    'choose_post_hoc',
    'search_logit_adjustment',
    'search_tau',
]
