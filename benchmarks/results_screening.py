"""Table of the candidates for a better GALA on held-out training images."""

from better_gala_results import RESULTS, read_results, table
from results_table import ResultTable

SHOWN = {'top1': 'top-1', 'many': 'many', 'medium': 'medium', 'few': 'few'}
BASELINE = 'balanced-softmax'
EPOCHS = 40
HEADER = ['method', 'seeds', *SHOWN.values(), 'ECE', 'difference, raw',
          're-balanced', 'difference, re-balanced']  # fmt: skip


def screening_table() -> ResultTable:
    """CIFAR100-LT: raw and re-balanced accuracy, each with its difference."""
    raw, balanced = (
        {row[0]: row for row in table(read_results(RESULTS), 'cifar100', suffix, EPOCHS,
                                      BASELINE)}
        for suffix in ('', '_rebalanced')
    )  # fmt: skip
    rows = []
    for name, row in raw.items():
        _, seeds, top1, _, many, medium, few, _, ece, difference = row
        other = balanced[name]
        shown = [top1, many, medium, few, ece, difference]
        rows.append([name, seeds, *shown, other[2], other[-1]])
    return ResultTable(
        HEADER,
        rows,
        'python benchmarks/better_gala.py --sets cifar100',
        [RESULTS],
    )
