"""Tables of the candidates for a better GALA on held-out training images."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from better_gala_results import IDENTITY, RESULTS, read_results, table
from better_gala_screens import BASELINE
from results_table import ResultTable

CIFAR, PLANKTON = 40, 20  # epochs
SMALL = {'fashion-mnist': 15, 'fashion-pairs': 20, 'digits': 40}
TOP1, CLASS_MEAN = 2, 3  # columns of a row
# Title -> set and epochs, of those validated on what the subset leaves out.
LATE = {
    '20, from GALA': ('cifar100-continued', 20),
    '200, from scratch': ('cifar100-long', 200),
}
# What one setting for all sets was chosen by: label -> set, epochs and metric.
CHOICE = {
    'Fashion-MNIST-LT': ('fashion-mnist', 15, 'top1'),
    'FashionPairs-LT': ('fashion-pairs', 20, 'top1'),
    'Digits-LT': ('digits', 40, 'top1'),
    'PlanktonSet': ('plankton', PLANKTON, 'class_mean'),
    'CIFAR100-LT, late': ('cifar100-continued', 20, 'class_mean'),
}
CHOSEN_FROM = ('lead4-1.5-cosine15', 'squared4-1.5-cosine15', 'counts-cosine15',
               'margin3-1.5-cosine15')  # fmt: skip
COLUMNS = ['many', 'medium', 'few', 'ECE',
           'difference, raw', 're-balanced', 'difference, re-balanced']  # fmt: skip
HEADER = ['method', 'seeds', 'top-1', *COLUMNS]
SMALL_NAMES = {
    'fashion-mnist': 'Fashion-MNIST-LT',
    'fashion-pairs': 'FashionPairs-LT',
    'digits': 'Digits-LT',
}


def screening_table() -> ResultTable:
    """CIFAR100-LT: raw and re-balanced accuracy, each with its difference."""
    return ResultTable(
        HEADER,
        _rows('cifar100', CIFAR),
        'python benchmarks/better_gala.py --sets cifar100',
        [RESULTS],
    )


def small_screening_table() -> ResultTable:
    """The same of the sets that take minutes."""
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


def choice_table() -> ResultTable:
    """Differences from balanced softmax on all sets, and their mean, by candidate."""
    runs = {run_key(run): run for run in read_results(RESULTS)['runs']}
    rows = []
    for method in CHOSEN_FROM:
        leads = [_leads(runs, method, *which) for which in CHOICE.values()]
        overall = [mean(each) for each in zip(*leads, strict=True)]
        rows.append([method, *(_both(lead) for lead in (*leads, overall))])
    sets = ' '.join(name for name, *_ in CHOICE.values())
    return ResultTable(
        ['difference, raw / re-balanced', *CHOICE, 'mean'],
        rows,
        f'python benchmarks/better_gala.py --sets {sets}',
        [RESULTS],
    )


def run_key(run: Mapping[str, Any]) -> tuple[Any, ...]:
    """What identifies a run among the results."""
    return tuple(run[name] for name in IDENTITY)


def _leads(
    runs: Mapping[tuple[Any, ...], Mapping[str, Any]],
    method: str,
    name: str,
    epochs: int,
    metric: str,
) -> tuple[float, float]:
    """Mean over the seeds that both have, raw and re-balanced."""
    pairs = [
        (run, runs[name, BASELINE, run['seed'], epochs])
        for key, run in runs.items()
        if key == (name, method, run['seed'], epochs)
        if (name, BASELINE, run['seed'], epochs) in runs
    ]
    raw, balanced = (
        mean(
            ours[f'{metric}{suffix}'] - theirs[f'{metric}{suffix}']
            for ours, theirs in pairs
        )
        for suffix in ('', '_rebalanced')
    )
    return raw, balanced


def _both(lead: Sequence[float]) -> str:
    return ' / '.join(f'{each:+.1f}' for each in lead)


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
