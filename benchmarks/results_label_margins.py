"""Tables of GALA with label margins beside other methods, on test images."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import TypeAlias

from results_comparisons import METHODS, top1
from results_configs import CIFAR_EPOCHS
from results_table import ResultTable, read_result, result_file

OURS, BEFORE, BASELINE = 'gala-lead', 'gala-margin', 'balanced-softmax'
# Label of a data set -> the comparisons with its seeds and methods.
ALL = {
    'Digits-LT': ['digits-lt'],
    **{
        f'Fashion-MNIST-LT, factor {factor}': [
            f'fashion-mnist-lt_if{factor}',
            f'{OURS}_fashion-mnist-lt_if{factor}',
            *(['label-margin_fashion-mnist-lt_if100'] if factor == 100 else []),
        ]
        for factor in (10, 100, 200)
    },
    'FashionPairs-LT': ['label-margin_fashion-pairs-lt'],  # with three seeds
    'PlanktonSet, mean over classes': [
        'plankton',
        'plankton_seed2',
        f'{OURS}_plankton',
    ],
}
STEPS = {'': '', 'rebalancing': '_rebalanced'}  # and their keys in cifar100_lt.json
# Method and post-hoc step -> seed -> accuracy, worst class and ECE.
Runs: TypeAlias = dict[tuple[str, str], dict[int, dict[str, float]]]
PARTS = {
    'digits-lt': 'Digits-LT',
    'fashion-mnist-lt_if100': 'Fashion-MNIST-LT, factor 100',
    'fashion-pairs-lt': 'FashionPairs-LT',
}
PART_METHODS = {
    **METHODS,
    'balanced-softmax-cosine': 'balanced softmax, on cosines with a scale of 15',
    'counts-1.5-cosine15': 'the same with counts of the samples seen and lambda 1.5',
    'gala-margin': 'the same with the label margin: `gala-margin`',
    'gala-lead': 'with a margin and a lambda that grow with the lead: `gala-lead`',
    'learnt-prior': 'learnt prior (NPE-LA)',
    'los': 'label over-smoothing, second stage',
}
ORDER = (
    *('ce', 'gala', 'balanced-softmax', 'balanced-softmax-cosine'),
    *('counts-1.5-cosine15', 'gala-margin', 'gala-lead', 'ldam-drw'),
    *('learnt-prior', 'los'),
)


def parts_table() -> ResultTable:
    """Raw and re-balanced top-1, part by part, and of rivals without counts."""
    names = [f'label-margin_{name}' for name in PARTS]
    columns = [top1(name) for name in names]
    rows = [
        [
            PART_METHODS[method],
            *(raw_and_re_balanced(found, method) for found in columns),
        ]
        for method in ORDER
    ]
    return ResultTable(
        ['raw / re-balanced', *PARTS.values()],
        rows,
        f'python benchmarks/method_comparison.py {" ".join(names)}',
        [result_file(f'compare_{name}') for name in names],
    )


def raw_and_re_balanced(found: Mapping[tuple[str, str], float], method: str) -> str:
    """Both accuracies of a method with a decimal; ``-`` if it was not run."""
    steps = ('', 'rebalancing')
    if not all((method, step) in found for step in steps):
        return '-'
    return ' / '.join(f'{found[method, step]:.1f}' for step in steps)


def label_margin_table() -> ResultTable:
    """GALA with label margins beside balanced softmax, by set, paired by seed."""
    sets = {label: _compared(names) for label, names in ALL.items()}
    sets['CIFAR100-LT, factor 100'] = _cifar100_lt()
    rows = [
        [label, *_beside_balanced_softmax(runs), _both_steps([runs], BEFORE)]
        for label, runs in sets.items()
    ]
    both = [runs for runs in sets.values() if _pairs(runs, OURS, '')]
    overall = [cell for step in STEPS for cell in (_mean_lead(both, OURS, step), '')]
    label = (
        'mean of the sets' if len(both) == len(sets) else 'mean, where both were run'
    )
    rows.append([label, *overall, '', '', '', _both_steps(both, BEFORE)])
    header = [
        *('', 'raw', 'of each seed', 're-balanced', 'of each seed'),
        *('worst class, raw', 'ECE, raw', 'ECE, re-balanced'),
        f'`{BEFORE}`, raw / re-balanced',
    ]
    names = [f'compare_{name}' for names in ALL.values() for name in names]
    command = 'python benchmarks/method_comparison.py'
    files = [result_file(name) for name in [*names, 'cifar100_lt']]
    return ResultTable(header, rows, command, files)


def _compared(names: Sequence[str]) -> Runs:
    """Runs of comparisons on one set, which have different seeds or methods."""
    key = 'class_mean' if 'plankton' in names else 'top1'
    found: Runs = {}
    for name in names:
        for row in read_result(f'compare_{name}')['rows']:
            runs = found.setdefault((row['method'], row['post_hoc']), {})
            runs |= {run['seed']: {**run, 'accuracy': run[key]} for run in row['runs']}
    return found


def _cifar100_lt() -> Runs:
    """Runs of the published length on CIFAR100-LT."""
    found: Runs = {}
    for run in read_result('cifar100_lt')['runs']:
        if (run['imbalance_factor'], run['epochs']) != (100, CIFAR_EPOCHS):
            continue
        for step, suffix in STEPS.items():
            found.setdefault((run['method'], step), {})[run['seed']] = dict(
                accuracy=run[f'top1{suffix}'],
                worst_class=run[f'worst_class{suffix}'],
                ece=run[f'ece{suffix}'],
            )
    return found


def _pairs(runs: Runs, method: str, step: str) -> list[tuple[dict, dict]]:
    """Runs of a method and of balanced softmax with the same seed."""
    ours, theirs = runs.get((method, step), {}), runs[BASELINE, step]
    return [(ours[seed], theirs[seed]) for seed in sorted({*ours} & {*theirs})]


def _leads(runs: Runs, method: str, step: str) -> list[float]:
    """Points by which a method is ahead of balanced softmax, of each seed."""
    return [a['accuracy'] - b['accuracy'] for a, b in _pairs(runs, method, step)]


def _mean_lead(sets: Iterable[Runs], method: str, step: str) -> str:
    """Its mean over the sets, of the mean over the seeds."""
    return f'{mean(mean(_leads(runs, method, step)) for runs in sets):+.1f}'


def _both_steps(sets: Iterable[Runs], method: str) -> str:
    sets = list(sets)
    return ' / '.join(_mean_lead(sets, method, step) for step in STEPS)


def _beside_balanced_softmax(runs: Runs) -> list[str]:
    """Differences in accuracy, then worst class and ECE of both; in percent."""
    if not _pairs(runs, OURS, ''):
        return ['-'] * (2 * len(STEPS) + 3)
    cells = []
    for step in STEPS:
        each = ', '.join(f'{lead:+.1f}' for lead in _leads(runs, OURS, step))
        cells += [_mean_lead([runs], OURS, step), each]

    def beside(step: str, key: str) -> str:
        ours, theirs = zip(*_pairs(runs, OURS, step), strict=True)
        return ' / '.join(
            f'{mean(r[key] for r in side):.1f}' for side in (ours, theirs)
        )

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
