"""Tables of GALA with label margins beside other methods, on test images."""

from statistics import mean

from results_comparisons import METHODS, top1
from results_table import ResultTable, read_result, result_file

ALL = {
    'digits-lt': 'Digits-LT',
    'fashion-mnist-lt_if10': 'Fashion-MNIST-LT, factor 10',
    'fashion-mnist-lt_if100': 'Fashion-MNIST-LT, factor 100',
    'fashion-mnist-lt_if200': 'Fashion-MNIST-LT, factor 200',
    'label-margin_fashion-pairs-lt': 'FashionPairs-LT',  # with three seeds
    'plankton': 'PlanktonSet, mean over classes',
}
PARTS = {'digits-lt': 'Digits-LT', 'fashion-pairs-lt': 'FashionPairs-LT'}
PART_METHODS = {
    **METHODS,
    'balanced-softmax-cosine': 'balanced softmax, on cosines with a scale of 15',
    'counts-1.5-cosine15': 'the same with counts of the samples seen and lambda 1.5',
    'gala-margin': 'the same with the label margin: `gala-margin`',
    'learnt-prior': 'learnt prior (NPE-LA)',
    'los': 'label over-smoothing, second stage',
}
ORDER = (
    *('ce', 'gala', 'balanced-softmax', 'balanced-softmax-cosine'),
    *('counts-1.5-cosine15', 'gala-margin', 'ldam-drw', 'learnt-prior', 'los'),
)


def parts_table() -> ResultTable:
    """Raw and re-balanced top-1, part by part, and of rivals without counts."""
    names = [f'label-margin_{name}' for name in PARTS]
    columns = [top1(name) for name in names]
    rows = [
        [
            PART_METHODS[method],
            *(f'{c[method, ""]:.1f} / {c[method, "rebalancing"]:.1f}' for c in columns),
        ]
        for method in ORDER
    ]
    return ResultTable(
        ['raw / re-balanced', *PARTS.values()],
        rows,
        f'python benchmarks/method_comparison.py {" ".join(names)}',
        [result_file(f'compare_{name}') for name in names],
    )


def label_margin_table() -> ResultTable:
    """GALA with label margins beside balanced softmax, by set, paired by seed."""
    rows = [[label, *_beside_balanced_softmax(name)] for name, label in ALL.items()]
    header = [
        *('', 'raw', 'of each seed', 're-balanced', 'of each seed'),
        *('worst class, raw', 'ECE, raw', 'ECE, re-balanced'),
    ]
    files = [result_file(f'compare_{name}') for name in ALL]
    command = 'python benchmarks/method_comparison.py'
    return ResultTable(header, rows, command, files)


def _beside_balanced_softmax(name: str) -> list[str]:
    """Differences in accuracy, then worst class and ECE of both; in percent."""
    runs = {
        (row['method'], row['post_hoc']): row['runs']
        for row in read_result(f'compare_{name}')['rows']
    }
    key = 'class_mean' if name == 'plankton' else 'top1'
    cells, both = [], {}
    for step in ('', 'rebalancing'):
        pair = runs['gala-margin', step], runs['balanced-softmax', step]
        values = [a[key] - b[key] for a, b in zip(*pair, strict=True)]
        cells += [f'{mean(values):+.1f}', ', '.join(f'{v:+.1f}' for v in values)]
        both[step] = pair

    def beside(step: str, key: str) -> str:
        ours, theirs = (mean(run[key] for run in side) for side in both[step])
        return f'{ours:.1f} / {theirs:.1f}'

    worst = beside('', 'worst_class')
    return [*cells, worst, beside('', 'ece'), beside('rebalancing', 'ece')]
