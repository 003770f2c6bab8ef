"""The three claims of the GALA paper as numbers, and a ranking of the methods."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmgala.analysis import GradientRecord, summarise_gradients
from mmgala.utils.tables import mean_and_spread

METHODS = ('CE', 'EQL', 'GALA')
OURS = 'GALA'


@dataclass(frozen=True)
class Claim:
    """A number of a training, and how to rank it.

    Attributes:
        key: key of the number.
        text: description of the number.
        badness: function that ranks the number; smaller is better.
        digits: number of digits to print.
    """

    key: str
    text: str
    badness: Callable[[float], float]
    digits: int = 3


def _from_one(ratio: float) -> float:
    return abs(math.log(ratio))


def _low(value: float) -> float:
    return value


def _high(value: float) -> float:
    return -value


CLAIMS = (
    Claim(
        'ratio_few_total',
        '(a) gradient ratio of the tail, whole training (nearer to 1)',
        _from_one,
    ),
    Claim(
        'ratio_few_first',
        '(a) gradient ratio of the tail, first epoch (nearer to 1)',
        _from_one,
    ),
    Claim(
        'ratio_few_last',
        '(a) gradient ratio of the tail, last epoch (nearer to 1)',
        _from_one,
    ),
    Claim(
        'log_ratio_spread_total',
        '(a) spread of the log ratio over classes, whole training (smaller)',
        _low,
    ),
    Claim(
        'source_gini_total',
        '(b) Gini of the sources, whole training (smaller)',
        _low,
    ),
    Claim('source_gini_last', '(b) Gini of the sources, last epoch (smaller)', _low),
    Claim(
        'own_similarity_few_test',
        "(c) tail's class weight vectors to their test features (higher)",
        _high,
    ),
    Claim(
        'own_similarity_few_train',
        "(c) tail's class weight vectors to their training features (higher)",
        _high,
    ),
    Claim('top1', 'top-1 test accuracy in percent (higher)', _high, digits=1),
    Claim('few', 'test accuracy of the tail in percent (higher)', _high, digits=1),
)


def claim_numbers(
    records: Sequence[GradientRecord], vectors: dict[str, dict]
) -> dict[str, float]:
    """The numbers of one training.

    ``net_bias_correlation`` is Pearson's correlation over classes between the net
    gradient (positive minus negative, over the whole training) and the learned bias:
    plain SGD changes a bias by the net gradient times the learning rate only.

    Args:
        records: records of all epochs.
        vectors: measured class weight vectors by split.
    """
    last = records[-1]
    net = last.total.pos_grad - last.total.neg_grad
    bias = vectors['test']['bias']
    numbers = dict(net_bias_correlation=float(np.corrcoef(net, bias)[0, 1]))
    for suffix, record, whole in (
        ('total', last, True),
        ('first', records[0], False),
        ('last', last, False),
    ):
        summary = summarise_gradients(record, whole_training=whole)
        for key, value in summary.items():
            assert value is not None
            numbers[f'{key}_{suffix}'] = value
    for split, measured in vectors.items():
        for group, values in measured['groups'].items():
            for key, value in values.items():
                numbers[f'{key}_{group}_{split}'] = value
    return numbers


def claim_rows(runs: Sequence[dict]) -> tuple[list[str], list[list[str]]]:
    """One row per claim: mean ± standard deviation, and the seeds where GALA leads.

    Args:
        runs: ``method``, ``seed`` and the numbers of each training.

    Returns:
        Column titles and rows.
    """
    rivals = [method for method in METHODS if method != OURS]
    head = ['', *METHODS, *(f'{OURS} ahead of {rival}' for rival in rivals)]
    rows = []
    for claim in CLAIMS:
        by_method = {
            method: {r['seed']: r[claim.key] for r in runs if r['method'] == method}
            for method in METHODS
        }
        cells = [claim.text]
        for values in by_method.values():
            cells.append(mean_and_spread(list(values.values()), claim.digits))
        for rival in rivals:
            ahead = [
                claim.badness(by_method[OURS][seed]) < claim.badness(value)
                for seed, value in by_method[rival].items()
            ]
            cells.append(f'{sum(ahead)} of {len(ahead)} seeds')
        rows.append(cells)
    return head, rows
