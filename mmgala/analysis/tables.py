"""Markdown tables, JSON and CSV files with the analyses of several runs."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN
from rich.table import Table

from mmgala.functional import METRIC_NAMES, SHOT_GROUPS, ShotThresholds
from mmgala.utils.files import write_text

# Heading of each number, by key.
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
VECTOR_COLUMNS = {
    'own_similarity': 'own features',
    'other_similarity': 'other features',
    'norm': 'norm',
}
GRADIENTS_PER_CLASS = ('ratio_total', 'ratio', 'pos_grad', 'neg_grad', 'given_grad')
VECTORS_PER_CLASS = (*VECTOR_COLUMNS, 'bias')
# Label of raw and re-balanced scores in rows and columns, after the run's name.
KINDS = {'raw': '', 'rebalanced': ' re-balanced'}


def metrics_table(runs: Mapping[str, dict]) -> Table:
    """Metrics in percent, with rows for raw and re-balanced scores of each run.

    Args:
        runs: result of :func:`mmgala.analysis.analyse_predictions` by name of the run.
    """
    table = _table(METRIC_NAMES.values())
    for name, run in runs.items():
        for kind, label in KINDS.items():
            strength = f', tau={run["tau"]:g}' if kind == 'rebalanced' else ''
            cells = _cells(run[kind]['metrics'], METRIC_NAMES, '.1f')
            table.add_row(f'{name}{label}{strength}', *cells)
    return table


def gradients_table(runs: Mapping[str, dict]) -> Table:
    """Summaries of the whole training and of its last period; ``-`` if undefined.

    Args:
        runs: result of :func:`mmgala.analysis.describe_gradients` by name of the run.
    """
    table = _table(GRADIENT_COLUMNS.values())
    for name, run in runs.items():
        last = {key: values[-1] for key, values in run['summary'].items()}
        for summary, when in (
            (run['summary_total'], 'whole training'),
            (last, f'{run["unit"]} {run["steps"][-1]}'),
        ):
            table.add_row(f'{name}, {when}', *_cells(summary, GRADIENT_COLUMNS, '.3f'))
    return table


def vectors_table(report: Mapping[str, Any]) -> Table:
    """Similarities and norm of each shot group; ``-`` if undefined.

    Args:
        report: result of :func:`mmgala.analysis.describe_class_vectors`, with
            ``classes``.
    """
    table = _table(['classes', *VECTOR_COLUMNS.values()])
    group_of_classes = [c['group'] for c in report['classes']]
    for name, means in report['groups'].items():
        size = str(group_of_classes.count(name))
        table.add_row(name, size, *_cells(means, VECTOR_COLUMNS, '.3f'))
    return table


def _table(columns: Iterable[str]) -> Table:
    """A Markdown table with text in the first column and numbers in the others."""
    table = Table('', box=MARKDOWN)
    for column in columns:
        table.add_column(column, justify='right')
    return table


def _cells(
    numbers: Mapping[str, float | None], columns: Mapping[str, str], form: str
) -> list[str]:
    found = [numbers.get(key) for key in columns]
    return ['-' if value is None else format(value, form) for value in found]


def write_predictions(
    path: str | Path,
    runs: Mapping[str, dict],
    classes: Sequence[dict],
    thresholds: ShotThresholds,
) -> None:
    """Write the analysed predictions of all runs as JSON.

    Args:
        path: file to write.
        runs: see :func:`metrics_table`.
        classes: result of :func:`mmgala.analysis.describe_classes`.
        thresholds: shot thresholds.
    """
    _write_runs(path, 'predictions', runs, classes, thresholds)


def write_gradients(
    path: str | Path,
    runs: Mapping[str, dict],
    classes: Sequence[dict],
    thresholds: ShotThresholds,
) -> None:
    """Write the gradient statistics of all runs as JSON.

    For the arguments see :func:`write_predictions`.
    """
    _write_runs(path, 'gradients', runs, classes, thresholds)


def _write_runs(
    path: str | Path,
    part: str,
    runs: Mapping[str, dict],
    classes: Sequence[dict],
    thresholds: ShotThresholds,
) -> None:
    content = {
        'classes': list(classes),
        'limits': asdict(thresholds),
        'runs': [{'name': name, part: run} for name, run in runs.items()],
    }
    write_text(path, json.dumps(content, allow_nan=False))


def write_class_table(
    path: str | Path, runs: Mapping[str, dict], classes: Sequence[dict]
) -> None:
    """Write accuracy and predicted marginal of each class as CSV; undefined is empty.

    For the arguments see :func:`write_predictions`.
    """
    columns: dict[str, Sequence] = {}
    for name, run in runs.items():
        for kind, label in KINDS.items():
            columns[f'{name}{label} accuracy'] = run[kind]['class_accuracy']
            columns[f'{name}{label} class mass'] = run[kind]['class_mass']
    _write_csv(path, classes, columns)


def write_gradient_classes(
    path: str | Path, runs: Mapping[str, dict], classes: Sequence[dict]
) -> None:
    """Write the gradients of each class as CSV; undefined values are empty.

    For the arguments see :func:`write_predictions`.
    """
    columns: dict[str, Sequence] = {}
    for name, run in runs.items():
        columns |= {f'{name} {key}': run[key] for key in GRADIENTS_PER_CLASS}
        for index, group in enumerate(SHOT_GROUPS):
            columns[f'{name} share from {group}'] = [
                share[index] for share in run['source_shares']
            ]
    _write_csv(path, classes, columns)


def write_class_vectors(path: str | Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON, and its per-class numbers as CSV beside it.

    Args:
        path: JSON file to write.
        report: see :func:`vectors_table`.
    """
    write_text(path, json.dumps(report, allow_nan=False))
    columns = {key: report[key] for key in VECTORS_PER_CLASS if report[key] is not None}
    _write_csv(Path(path).with_suffix('.csv'), report['classes'], columns)


def _write_csv(
    path: str | Path, classes: Sequence[Mapping], columns: Mapping[str, Sequence]
) -> None:
    """Write one row per class: index, name, count, shot group and ``columns``.

    Args:
        path: file to write.
        classes: result of :func:`mmgala.analysis.describe_classes`, C classes.
        columns: C values per column, by heading; None becomes an empty cell.
    """
    table = {
        'class': range(len(classes)),
        **{key: [c[key] for c in classes] for key in ('name', 'count', 'group')},
        **columns,
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    write_text(path, text.getvalue())
