"""Metrics for long tails, and evaluation of re-balanced predictions."""

from mmgala.evaluation.long_tailed_accuracy import LongTailedAccuracy
from mmgala.evaluation.rebalancing_evaluator import RebalancingEvaluator
from mmgala.evaluation.scores import ScoreDump
from mmgala.evaluation.tau_search import TAU_GRID, TauSearch, search_tau

__all__ = [
    'TAU_GRID',
    'LongTailedAccuracy',
    'RebalancingEvaluator',
    'ScoreDump',
    'TauSearch',
    'search_tau',
]
