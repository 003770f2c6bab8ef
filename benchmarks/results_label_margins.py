"""Tables of GALA with label margins beside other methods, on test images."""

from collections.abc import Sequence
from statistics import mean
from typing import TypeAlias

from results_comparisons import METHODS, top1
from results_configs import CIFAR_EPOCHS
from results_table import ResultTable, read_result, result_file

# Label of a data set -> the comparisons with its seeds.
ALL = {
    'Digits-LT': ['digits-lt'],
    'Fashion-MNIST-LT, factor 10': ['fashion-mnist-lt_if10'],
    'Fashion-MNIST-LT, factor 100': ['fashion-mnist-lt_if100'],
    'Fashion-MNIST-LT, factor 200': ['fashion-mnist-lt_if200'],
    'FashionPairs-LT': ['label-margin_fashion-pairs-lt'],  # with three seeds
    'PlanktonSet, mean over classes': ['plankton', 'plankton_seed2'],
}
BOTH = ('gala-margin', 'balanced-softmax')
STEPS = {'': '', 'rebalancing': '_rebalanced'}  # and their keys in cifar100_lt.json
# Method and post-hoc step -> accuracy, worst class and ECE of each seed.
Runs: TypeAlias = dict[tuple[str, str], list[dict[str, float]]]
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
    sets = {label: _compared(names) for label, names in ALL.items()}
    sets['CIFAR100-LT, factor 100'] = _cifar100_lt()
    leads = {
        step: [mean(_leads(runs, step)) for runs in sets.values()] for step in STEPS
    }
    rows = [[label, *_beside_balanced_softmax(runs)] for label, runs in sets.items()]
    overall = [cell for step in STEPS for cell in (f'{mean(leads[step]):+.1f}', '')]
    rows.append(['mean of the sets', *overall, '', '', ''])
    header = [
        *('', 'raw', 'of each seed', 're-balanced', 'of each seed'),
        *('worst class, raw', 'ECE, raw', 'ECE, re-balanced'),
    ]
    names = [f'compare_{name}' for names in ALL.values() for name in names]
    command = 'python benchmarks/method_comparison.py'
    files = [result_file(name) for name in [*names, 'cifar100_lt']]
    return ResultTable(header, rows, command, files)


def _compared(names: Sequence[str]) -> Runs:
    """Runs of both methods in comparisons on one set, which have different seeds."""
    key = 'class_mean' if 'plankton' in names else 'top1'
    found: Runs = {}
    for name in names:
        for row in read_result(f'compare_{name}')['rows']:
            runs = found.setdefault((row['method'], row['post_hoc']), [])
            runs += [{**run, 'accuracy': run[key]} for run in row['runs']]
    return found


def _cifar100_lt() -> Runs:
    """Runs of both methods on CIFAR100-LT, of the seeds that both have."""
    runs = [
        run
        for run in read_result('cifar100_lt')['runs']
        if (run['imbalance_factor'], run['epochs']) == (100, CIFAR_EPOCHS)
    ]
    by_seed = {
        method: {run['seed']: run for run in runs if run['method'] == method}
        for method in BOTH
    }
    ours, theirs = by_seed.values()
    return {
        (method, step): [
            dict(
                accuracy=by_seed[method][seed][f'top1{suffix}'],
                worst_class=by_seed[method][seed][f'worst_class{suffix}'],
                ece=by_seed[method][seed][f'ece{suffix}'],
            )
            for seed in sorted({*ours} & {*theirs})
        ]
        for method in BOTH
        for step, suffix in STEPS.items()
    }


def _leads(runs: Runs, step: str) -> list[float]:
    """Points by which label margins are ahead, of each seed."""
    ours, theirs = ([run['accuracy'] for run in runs[m, step]] for m in BOTH)
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def _beside_balanced_softmax(runs: Runs) -> list[str]:
    """Differences in accuracy, then worst class and ECE of both; in percent."""
    cells = []
    for step in STEPS:
        leads = _leads(runs, step)
        cells += [f'{mean(leads):+.1f}', ', '.join(f'{lead:+.1f}' for lead in leads)]

    def beside(step: str, key: str) -> str:
        ours, theirs = (mean(run[key] for run in runs[m, step]) for m in BOTH)
        return f'{ours:.1f} / {theirs:.1f}'

    worst = beside('', 'worst_class')
    return [*cells, worst, beside('', 'ece'), beside('rebalancing', 'ece')]


def training_fit_table() -> ResultTable:
    """Accuracy on the training images themselves, as a mean over the classes."""
    columns = ('class_mean', 'many', 'medium', 'few')
    rows = [
        [
            label,
            METHODS.get(method, f'`{method}`'),
            *(_shown(fit, key) for key in columns),
        ]
        for label, methods in read_result('training_fit').items()
        for method, fit in methods.items()
    ]
    return ResultTable(
        ['training images', 'trained with', 'mean over classes', *columns[1:]],
        rows,
        'python -m projects.gala_study.training_fit',
        [result_file('training_fit')],
    )


def _shown(fit: dict[str, float], key: str) -> str:
    return f'{fit[key]:.1f}' if key in fit else '-'
