"""Comparison of methods on one config, with everything but the method equal."""

from mmgala.analysis.intervals import paired_difference
from mmgala.comparison.method import Method
from mmgala.comparison.methods import CATALOGUE, find_methods
from mmgala.comparison.plan import check_runs, plan_runs
from mmgala.comparison.report import write_report
from mmgala.comparison.runs import Run

__all__ = [
    'CATALOGUE',
    'Method',
    'Run',
    'check_runs',
    'find_methods',
    'paired_difference',
    'plan_runs',
    'write_report',
]
