"""Analysed predictions of several runs as JSON, CSV and a table to print."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import MARKDOWN
from rich.table import Table

from mmgala.analysis.files import write_csv, write_text

COLUMNS = {
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
    for column in COLUMNS.values():
        result.add_column(column, justify='right')
    for name, run in runs.items():
        for kind, label in KINDS.items():
            metrics = run[kind]['metrics']
            cells = [f'{metrics[k]:.1f}' if k in metrics else '-' for k in COLUMNS]
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
