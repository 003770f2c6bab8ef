"""Metrics for long-tailed data, and evaluation after post-hoc steps."""

from mmgala.evaluation.evaluator import PostHocEvaluator, RebalancingEvaluator
from mmgala.evaluation.metrics.long_tailed_accuracy import LongTailedAccuracy
from mmgala.evaluation.score_blocks import ScoreBlocks
from mmgala.evaluation.score_dump import ScoreDump
from mmgala.evaluation.selection import PostHocChoice, choose_post_hoc
from mmgala.evaluation.strength_search import TAU_GRID, TauSearch, TemperatureSearch

__all__ = [
    'TAU_GRID',
    'LongTailedAccuracy',
    'PostHocChoice',
    'PostHocEvaluator',
    'RebalancingEvaluator',
    'ScoreBlocks',
    'ScoreDump',
    'TauSearch',
    'TemperatureSearch',
    'choose_post_hoc',
]
