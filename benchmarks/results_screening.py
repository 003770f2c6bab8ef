"""Tables of the candidates for a better GALA on held-out training images."""

from collections.abc import Sequence

from better_gala_results import RESULTS, read_results, table
from results_table import ResultTable

BASELINE = 'balanced-softmax'
CIFAR = 40  # epochs
SMALL = {'fashion-mnist': 15, 'fashion-pairs': 20}
HEADER = ['method', 'seeds', 'top-1', 'many', 'medium', 'few', 'ECE',
          'difference, raw', 're-balanced', 'difference, re-balanced']  # fmt: skip
SMALL_NAMES = {'fashion-mnist': 'Fashion-MNIST-LT', 'fashion-pairs': 'FashionPairs-LT'}


def screening_table() -> ResultTable:
    """CIFAR100-LT: raw and re-balanced accuracy, each with its difference."""
    return ResultTable(
        HEADER,
        _rows('cifar100', CIFAR),
        'python benchmarks/better_gala.py --sets cifar100',
        [RESULTS],
    )


def small_screening_table() -> ResultTable:
    """The same of the two sets made of Fashion-MNIST."""
    rows = [
        [SMALL_NAMES[name], *row]
        for name, epochs in SMALL.items()
        for row in _rows(name, epochs)
    ]
    return ResultTable(
        ['data set', *HEADER],
        rows,
        f'python benchmarks/better_gala.py --sets {" ".join(SMALL)}',
        [RESULTS],
    )


def _rows(name: str, epochs: int) -> Sequence[list[str]]:
    """Rows of one set; methods in the order of their raw accuracy."""
    results = read_results(RESULTS)
    raw, balanced = (
        {row[0]: row for row in table(results, name, suffix, epochs, BASELINE)}
        for suffix in ('', '_rebalanced')
    )
    rows = []
    for method, row in raw.items():
        _, seeds, top1, _, many, medium, few, _, ece, difference = row
        other = balanced[method]
        shown = [top1, many, medium, few, ece, difference]
        rows.append([method, seeds, *shown, other[2], other[-1]])
    return rows
