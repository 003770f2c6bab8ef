"""Tables of the comparisons that ``method_comparison.py`` runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from results_table import ResultTable, read_result, result_file

from mmgala.utils.tables import mean_and_spread

SETS = {
    'digits-lt': 'Digits-LT',
    'fashion-mnist-lt_if10': 'Fashion-MNIST-LT, factor 10',
    'fashion-mnist-lt_if100': 'factor 100',
    'fashion-mnist-lt_if200': 'factor 200',
    'fashion-pairs-lt': 'FashionPairs-LT',
}
METHODS = {
    'ce': 'cross-entropy',
    'gala': 'GALA',
    'gala-official': "GALA, the authors' code",
    'gala-margin': 'GALA with label margins, on cosines',
    'gala-lead': 'GALA with label margins by lead, on cosines',
    'balanced-softmax': 'balanced softmax',
    'ldam-drw': 'LDAM-DRW',
    'cb-ce': 'class-balanced CE',
    'cb-focal': 'class-balanced focal',
    'seesaw': 'Seesaw',
    'gcl-one-stage': 'GCL, first stage only',
    'gcl': 'GCL, both stages',
    'las-one-stage': 'label-aware smoothing, one stage',
    'las': 'label-aware smoothing, second stage',
    'vs': 'vector scaling',
    'cosine': 'cross-entropy on cosines',
    'eql': 'EQL',
    'crt': 'cRT',
    'lws': 'LWS',
    'tau-norm': 'tau-normalisation',
    'ncm': 'nearest class mean',
}
SHORT = ('ce', 'gala', 'gala-margin', 'gala-lead', 'balanced-softmax', 'ldam-drw')


def plain_name(method: str) -> str:
    """Name of a method without its settings, as in ``vs:gamma=0.05``."""
    return method.partition(':')[0]


# A method that came later, and by comparison, the one that has it with the same seeds.
LATE = 'gala-lead'
LATER = {
    **{
        name: f'{LATE}_{name}'
        for name in (
            *(f'fashion-mnist-lt_if{factor}' for factor in (10, 100, 200)),
            *('plankton', 'plankton_training-prior'),
        )
    },
    'fashion-pairs-lt': 'label-margin_fashion-pairs-lt',
}


def comparison_rows(name: str) -> Iterator[dict[str, Any]]:
    """Rows of a comparison, and those of the method that came later."""
    rows = read_result(f'compare_{name}')['rows']
    yield from rows
    if name in LATER:
        seeds = {run['seed'] for run in rows[0]['runs']}
        for row in read_result(f'compare_{LATER[name]}')['rows']:
            if row['method'] == LATE:
                runs = [run for run in row['runs'] if run['seed'] in seeds]
                yield {**row, 'runs': runs}


def comparison_files(*names: str) -> list[Path]:
    """Result files of comparisons, with those of the method that came later."""
    every = [*names, *(LATER[name] for name in names if name in LATER)]
    return [result_file(f'compare_{name}') for name in every]


def means(name: str, key: str) -> dict[tuple[str, str], float]:
    """Mean over the seeds, in percent, by method and post-hoc step of a comparison.

    Args:
        name: of the comparison.
        key: of the result, such as ``'top1'``.
    """
    return {
        (plain_name(row['method']), row['post_hoc']): mean(r[key] for r in row['runs'])
        for row in comparison_rows(name)
    }


def top1(name: str) -> dict[tuple[str, str], float]:
    """Mean top-1 accuracy in percent by method and post-hoc step of a comparison."""
    return means(name, 'top1')


def comparison_table(methods: Sequence[str] = ()) -> ResultTable:
    """Raw and re-balanced top-1 of each method on each set."""
    columns = {name: top1(name) for name in SETS}
    known = dict.fromkeys(method for c in columns.values() for method, _ in c)
    ordered = [m for m in METHODS if m in known] + [
        m for m in known if m not in METHODS
    ]

    def cell(name: str, method: str) -> str:
        if (method, '') not in columns[name]:
            return '-'
        raw = columns[name][method, '']
        rebalanced = columns[name][method, 'rebalancing']
        return f'{raw:.1f} / {rebalanced:.1f}'

    rows = [
        [METHODS.get(method, method), *(cell(name, method) for name in SETS)]
        for method in methods or ordered
    ]
    return ResultTable(
        ['', *SETS.values()],
        rows,
        'python benchmarks/method_comparison.py',
        comparison_files(*SETS),
    )


def short_comparison_table() -> ResultTable:
    """The methods that the text of docs/gala_in_practice.md is about."""
    return comparison_table(SHORT)


STUDIED = {
    'balanced-softmax': 'balanced softmax',
    'gala': 'GALA',
    'gala:lambda_pos=0.5,lambda_neg=0.5': 'GALA, lambda 0.5',
    'gala:lambda_pos=2,lambda_neg=2': 'GALA, lambda 2',
    'gala:lambda_pos=3,lambda_neg=3': 'GALA, lambda 3',
    'gala-double-sum': "GALA, double sum as in the authors' code",
    'gala-decay:decay=0.999': 'GALA, decaying sum, 0.999 per step',
    'gala-skip:skip_steps=194': 'GALA, sums start after epoch 1',
    'gala-skip:skip_steps=970': 'GALA, sums start after epoch 5',
    'gala:eps=100': 'GALA, eps 100',
    'gala-counts:count_share=0.5': 'GALA, `count_share=0.5`',
    'counts-seen': 'GALA, `count_share=1` (counts of the samples seen)',
    'gala-cosine': 'GALA on a cosine head',
    'balanced-softmax-cosine': 'balanced softmax on a cosine head',
}


def study_table() -> ResultTable:
    """Variants of GALA on the validation sets."""
    columns = read_result('gala_study_validation')
    names = ('gala-study_fashion-mnist-lt', 'gala-study_fashion-pairs-lt')
    rows = [
        [label, *(mean_and_spread(columns[name].get(method, ())) for name in names)]
        for method, label in STUDIED.items()
    ]
    return ResultTable(
        ['', 'Fashion-MNIST-LT, factor 100', 'FashionPairs-LT'],
        rows,
        'python -m projects.gala_study.validation',
        [result_file('gala_study_validation')],
    )


STEPS = {'rebalancing': 're-balancing', 'logit-adjustment': 'logit adjustment'}
UNBALANCED_COLUMNS = {
    'class_mean': 'mean over classes',
    'top1': 'top-1',
    'many': 'many',
    'medium': 'medium',
    'few': 'few',
    'ece': 'ECE',
}


def plankton_table(name: str) -> ResultTable:
    """One comparison on PlanktonSet, whose test part is not balanced."""
    rows = []
    for row in comparison_rows(name):
        method = METHODS.get(plain_name(row['method']), row['method'])
        steps = [STEPS.get(name, name) for name in row['post_hoc'].split('+') if name]
        cells = [
            mean_and_spread([run[key] for run in row['runs'] if key in run])
            for key in UNBALANCED_COLUMNS
        ]
        rows.append([' + '.join([method, *steps]), *cells])
    return ResultTable(
        ['', *UNBALANCED_COLUMNS.values()],
        rows,
        f'python benchmarks/method_comparison.py {name}',
        comparison_files(name),
    )


def short_plankton_table() -> ResultTable:
    """Both goals on PlanktonSet: mean over classes, and top-1 of its class prior."""
    even, prior = 'plankton', 'plankton_training-prior'
    class_mean, few = means(even, 'class_mean'), means(even, 'few')
    top1_of_prior = means(prior, 'top1')
    rows = [
        [
            METHODS.get(method, method),
            *(f'{class_mean[method, s]:.1f}' for s in ('', *reversed(STEPS))),
            f'{few[method, ""]:.1f}',
            *(f'{top1_of_prior[method, s]:.1f}' for s in ('', 'rebalancing')),
        ]
        for method, step in class_mean
        if not step
    ]
    return ResultTable(
        [
            'mean of 2 seeds',
            *('mean over classes', '+ logit adjustment', '+ re-balancing'),
            *('few', 'top-1', '+ re-balancing to the training prior'),
        ],
        rows,
        f'python benchmarks/method_comparison.py {even} {prior}',
        comparison_files(even, prior),
    )
