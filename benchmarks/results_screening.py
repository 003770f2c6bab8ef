"""Tables of the candidates for a better GALA on held-out training images."""

from collections.abc import Sequence

from better_gala_results import RESULTS, read_results, table
from better_gala_screens import BASELINE
from results_table import ResultTable

CIFAR, PLANKTON = 40, 20  # epochs
SMALL = {'fashion-mnist': 15, 'fashion-pairs': 20}
TOP1, CLASS_MEAN = 2, 3  # columns of a row
# Title -> set and epochs, of those validated on what the subset leaves out.
LATE = {
    '20, from GALA': ('cifar100-continued', 20),
    '200, from scratch': ('cifar100-long', 200),
}
COLUMNS = ['many', 'medium', 'few', 'ECE',
           'difference, raw', 're-balanced', 'difference, re-balanced']  # fmt: skip
HEADER = ['method', 'seeds', 'top-1', *COLUMNS]
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


def plankton_screening_table() -> ResultTable:
    """PlanktonSet, whose validation images are long-tailed: means over the classes."""
    return ResultTable(
        ['method', 'seeds', 'mean over classes', *COLUMNS],
        _rows('plankton', PLANKTON, CLASS_MEAN),
        'python benchmarks/better_gala.py --sets plankton',
        [RESULTS],
    )


def long_screening_table() -> ResultTable:
    """CIFAR100-LT, late in long trainings: means over the classes."""
    rows = [
        [title, *row]
        for title, which in LATE.items()
        for row in _rows(*which, CLASS_MEAN)
    ]
    names = ' '.join(name for name, _ in LATE.values())
    return ResultTable(
        ['epochs', 'method', 'seeds', 'mean over classes', *COLUMNS],
        rows,
        f'python benchmarks/better_gala.py --sets {names}',
        [RESULTS],
    )


def _rows(name: str, epochs: int, accuracy: int = TOP1) -> Sequence[list[str]]:
    """Rows of one set; methods in the order of their raw accuracy."""
    results = read_results(RESULTS)
    raw, balanced = (
        {row[0]: row for row in table(results, name, suffix, epochs, BASELINE)}
        for suffix in ('', '_rebalanced')
    )
    rows = []
    for method, row in raw.items():
        _, seeds, _, _, many, medium, few, _, ece, difference = row
        other = balanced[method]
        shown = [row[accuracy], many, medium, few, ece, difference]
        rows.append([method, seeds, *shown, other[accuracy], other[-1]])
    return rows
