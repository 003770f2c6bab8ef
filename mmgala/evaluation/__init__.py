"""Metrics for long tails, and what is done to scores after training."""

from mmgala.evaluation.long_tailed_accuracy import LongTailedAccuracy
from mmgala.evaluation.post_hoc import PostHocChoice, choose_post_hoc
from mmgala.evaluation.post_hoc_evaluator import PostHocEvaluator
from mmgala.evaluation.rebalancing_evaluator import RebalancingEvaluator
from mmgala.evaluation.scores import ScoreDump
from mmgala.evaluation.tau_search import (
    TAU_GRID,
    TauSearch,
    search_logit_adjustment,
    search_tau,
)
from mmgala.evaluation.temperature_search import TemperatureSearch

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
