"""Results of several runs as JSON, CSV and tables to print."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import MARKDOWN
from rich.table import Table

from mmgala.analysis.gradient_summary import GROUPS
from mmgala.utils.files import write_csv, write_text

GRADIENT_COLUMNS = {
    'ratio_many': 'ratio, many',
    'ratio_medium': 'medium',
    'ratio_few': 'few',
    'tail_head_ratio': 'tail / head',
    'log_ratio_spread': 'spread of log ratio',
    'ratio_rank_correlation': 'rank correlation',
    'source_gini': 'Gini of sources',
    'source_head_share': 'given by head',
}
GRADIENTS_PER_CLASS = ('ratio_total', 'ratio', 'pos_grad', 'neg_grad', 'given_grad')


def gradients_table(runs: Mapping[str, dict]) -> Table:
    """Summaries of the whole training and of its last period; `-` where undefined.

    Args:
        runs: name of each run to what :func:`mmgala.analysis.describe_gradients` gives.
    """
    result = Table('', box=MARKDOWN)
    for column in GRADIENT_COLUMNS.values():
        result.add_column(column, justify='right')
    for name, run in runs.items():
        last = {key: values[-1] for key, values in run['summary'].items()}
        for summary, when in (
            (run['summary_total'], 'whole training'),
            (last, f'{run["unit"]} {run["steps"][-1]}'),
        ):
            cells = [_cell(summary.get(key)) for key in GRADIENT_COLUMNS]
            result.add_row(f'{name}, {when}', *cells)
    return result


def _cell(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'


def write_gradients(
    path: str | Path,
    runs: Mapping[str, dict],
    classes: Sequence[dict],
    limits: tuple[int, int],
) -> None:
    """Write all runs as JSON.

    Args:
        path: file to write.
        runs: see :func:`gradients_table`.
        classes: of :func:`mmgala.analysis.describe_classes`.
        limits: ``many`` and ``few`` of the shot groups.
    """
    content = dict(
        classes=list(classes),
        limits=dict(zip(('many', 'few'), limits, strict=True)),
        runs=[dict(name=name, gradients=run) for name, run in runs.items()],
    )
    write_text(path, json.dumps(content, allow_nan=False))


def write_gradient_classes(
    path: str | Path, runs: Mapping[str, dict], classes: Sequence[dict]
) -> None:
    """Write each class's numbers as CSV; empty where undefined.

    For the arguments see :func:`write_gradients`.
    """
    columns: dict[str, Sequence] = {}
    for name, run in runs.items():
        columns |= {f'{name} {key}': run[key] for key in GRADIENTS_PER_CLASS}
        for index, group in enumerate(GROUPS):
            columns[f'{name} share from {group}'] = [
                share[index] for share in run['source_shares']
            ]
    write_csv(path, classes, columns)


PREDICTION_COLUMNS = {
    'top1': 'top-1',
    'many': 'many',
    'medium': 'medium',
    'few': 'few',
    'class_mean': 'class mean',
    'worst_class': 'worst class',
    'ece': 'ECE',
}
KINDS = {'raw': '', 'rebalanced': ' re-balanced'}


def metrics_table(runs: Mapping[str, dict]) -> Table:
    """Metrics in percent, a row per run and kind of scores; `-` without classes.

    Args:
        runs: name of each run to what
            :func:`mmgala.analysis.analyse_predictions` gives.
    """
    result = Table('', box=MARKDOWN)
    for column in PREDICTION_COLUMNS.values():
        result.add_column(column, justify='right')
    for name, run in runs.items():
        for kind, label in KINDS.items():
            metrics = run[kind]['metrics']
            cells = [
                f'{metrics[k]:.1f}' if k in metrics else '-' for k in PREDICTION_COLUMNS
            ]
            strength = f', tau={run["tau"]:g}' if kind == 'rebalanced' else ''
            result.add_row(f'{name}{label}{strength}', *cells)
    return result


def write_predictions(
    path: str | Path,
    runs: Mapping[str, dict],
    classes: Sequence[dict],
    limits: Mapping[str, int],
) -> None:
    """Write all runs' predictions as JSON.

    Args:
        path: file to write.
        runs: see :func:`metrics_table`.
        classes: from :func:`mmgala.analysis.describe_classes`.
        limits: ``many`` and ``few`` of the shot groups.
    """
    content = {
        'classes': list(classes),
        'limits': dict(limits),
        'runs': [{'name': name, 'predictions': run} for name, run in runs.items()],
    }
    write_text(path, json.dumps(content, allow_nan=False))


def write_class_table(
    path: str | Path, runs: Mapping[str, dict], classes: Sequence[dict]
) -> None:
    """Write accuracy and score mass of each class as CSV; empty without test samples.

    For the arguments see :func:`write_predictions`.
    """
    columns: dict[str, Sequence] = {}
    for name, run in runs.items():
        for kind, label in KINDS.items():
            columns[f'{name}{label} accuracy'] = run[kind]['class_accuracy']
            columns[f'{name}{label} class mass'] = run[kind]['class_mass']
    write_csv(path, classes, columns)


VECTORS_PER_CLASS = ('own_similarity', 'other_similarity', 'norm', 'bias')


def check_vectors(report: dict, num_classes: int) -> None:
    """Check what was read from a file of :func:`write_class_vectors`.

    Args:
        report: of it.
        num_classes: C.

    Raises:
        ValueError: if it does not hold C numbers, or None, for each class, and those
            of groups.
        KeyError: if a key is missing.
    """
    if num_classes == 0 or report['split'] not in ('train', 'val', 'test'):
        raise ValueError('no classes, or an unknown split')
    for key in VECTORS_PER_CLASS:
        values = report[key]
        if key == 'bias' and values is None:
            continue
        if not isinstance(values, list) or len(values) != num_classes:
            raise ValueError(f'{key} is not one number per class')
        if not all(v is None or isinstance(v, (int, float)) for v in values):
            raise ValueError(f'{key} holds something else than numbers')
    for name, group in report['groups'].items():
        for key in VECTORS_PER_CLASS[:3]:
            if not (group[key] is None or isinstance(group[key], (int, float))):
                raise ValueError(f'{key} of {name} is no number')


def vectors_table(report: dict) -> Table:
    """A row per shot group; `-` where there is no value.

    Args:
        report: of :func:`mmgala.analysis.describe_class_vectors`, with ``classes``.
    """
    result = Table(box=MARKDOWN)
    for column in ('', 'classes', 'own features', 'other features', 'norm'):
        result.add_column(column, justify='right')
    members = [c['group'] for c in report['classes']]
    for name, values in report['groups'].items():
        cells = [
            '-' if values[k] is None else f'{values[k]:.3f}'
            for k in VECTORS_PER_CLASS[:3]
        ]
        result.add_row(name, str(members.count(name)), *cells)
    return result


def write_class_vectors(path: str | Path, report: dict) -> None:
    """Write the report as JSON, and its numbers of each class as CSV beside it.

    Args:
        path: JSON file to write.
        report: see :func:`vectors_table`.
    """
    write_text(path, json.dumps(report, allow_nan=False))
    columns = {key: report[key] for key in VECTORS_PER_CLASS if report[key] is not None}
    write_csv(Path(path).with_suffix('.csv'), report['classes'], columns)
