"""Table of what goes with any method: averaged weights, SAM, mixup, weight decay."""

from method_comparison import ADDITIONS, WITH_ADDITION
from results_comparisons import METHODS, top1
from results_label_margins import raw_and_re_balanced
from results_table import ResultTable, result_file


def additions_table() -> ResultTable:
    """Raw and re-balanced top-1 on Digits-LT, without and with each addition."""
    names = {
        'alone': 'digits-lt',
        **{
            ' '.join(f'`{word}`' for word in words): f'with-{name}_digits-lt'
            for name, words in ADDITIONS.items()
        },
    }
    columns = [top1(name) for name in names.values()]
    rows = [
        [METHODS[method], *(raw_and_re_balanced(found, method) for found in columns)]
        for method in WITH_ADDITION
    ]
    return ResultTable(
        ['raw / re-balanced', *names],
        rows,
        f'python benchmarks/method_comparison.py {" ".join(names.values())}',
        [result_file(f'compare_{name}') for name in names.values()],
    )
