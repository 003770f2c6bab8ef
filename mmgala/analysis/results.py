"""What all analyses share to state results: values by class, tables and files."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.box import MARKDOWN
from rich.table import Table
from torch import Tensor

from mmgala.analysis.gradient_files import UNITS
from mmgala.functional import METRIC_NAMES, SHOT_GROUPS, ShotThresholds
from mmgala.utils.files import write_text
from mmgala.utils.text import csv_text, markdown_cell

Counts = Sequence[int] | np.ndarray

# Table headings by key of the result.
GRADIENT_COLUMNS = {
    'ratio_many': 'ratio, many',
    'ratio_medium': 'medium',
    'ratio_few': 'few',
    'tail_head_ratio': 'tail / head',
    'log_ratio_spread': 'spread of log ratio',
    'ratio_rank_correlation': 'rank correlation',
    'source_gini': 'Gini of sources',
    'source_head_share': 'share from head',
}
VECTOR_COLUMNS = {
    'own_similarity': 'own-class similarity',
    'other_similarity': 'other-class similarity',
    'norm': 'norm',
}
# Keys of results with one value per class, in the order of the CSV columns.
GRADIENTS_PER_CLASS = ('ratio_total', 'ratio', 'pos_grad', 'neg_grad', 'given_grad')
VECTORS_PER_CLASS = (*VECTOR_COLUMNS, 'bias')
# Raw and re-balanced predictions: what follows the name of the run in tables.
NAME_ENDINGS = {'raw': '', 'rebalanced': ' re-balanced'}


def describe_classes(
    class_counts: Counts,
    class_names: Sequence[str] | None = None,
    thresholds: ShotThresholds | None = None,
) -> list[dict]:
    """Name, training count and shot group of each class.

    Args:
        class_counts: number of training samples per class, ``(C,)``.
        class_names: C names. Defaults to the indices.
        thresholds: shot thresholds. Defaults to those of :class:`ShotThresholds`.

    Returns:
        A dict with ``name``, ``count`` and ``group`` for each class.

    Examples:
        >>> describe_classes([300, 2], ['cat', 'yak'])[1]
        {'name': 'yak', 'count': 2, 'group': 'few'}
    """
    counts = np.asarray(class_counts)
    names = range(len(counts)) if class_names is None else class_names
    groups = (thresholds or ShotThresholds()).group_of(torch.as_tensor(counts))
    return [
        {'name': str(name), 'count': count, 'group': SHOT_GROUPS[group]}
        for name, count, group in zip(
            names, counts.tolist(), groups.tolist(), strict=True
        )
    ]


def classes_by_group(
    class_counts: Counts, thresholds: ShotThresholds
) -> dict[str, np.ndarray]:
    """Class indices of each non-empty shot group, most frequent group first."""
    groups = thresholds.groups(torch.as_tensor(class_counts))
    return {name: classes.numpy() for name, classes in groups.items()}


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element-wise quotient of non-negative arrays; NaN where the divisor is 0."""
    result = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)


def nan_mean(rows: np.ndarray) -> np.ndarray:
    """Mean of each row, ignoring NaN; NaN if a row has no other values.

    Args:
        rows: ``(N, M)``.

    Returns:
        ``(N,)``.
    """
    known = ~np.isnan(rows)
    return divide(np.where(known, rows, 0).sum(axis=1), known.sum(axis=1))


def json_numbers(values: np.ndarray | Tensor) -> list[float | None]:
    """Floats for JSON; non-finite values, which JSON does not have, become ``None``."""
    numbers = np.asarray(values, dtype=np.float64).tolist()
    return [number if math.isfinite(number) else None for number in numbers]


def metrics_table(runs: Mapping[str, dict]) -> Table:
    """Table of the metrics in percent, with a raw and a re-balanced row for each run.

    Args:
        runs: result of :func:`mmgala.analysis.analyse_predictions` by name of the run.
    """
    table = _table(METRIC_NAMES.values())
    for name, run in runs.items():
        for kind, ending in NAME_ENDINGS.items():
            strength = f', tau={run["tau"]:g}' if kind == 'rebalanced' else ''
            cells = _cells(run[kind]['metrics'], METRIC_NAMES, '.1f')
            table.add_row(markdown_cell(f'{name}{ending}{strength}'), *cells)
    return table


def gradients_table(runs: Mapping[str, dict]) -> Table:
    """Table of summaries, with rows for the whole training and its last period.

    Undefined numbers are shown as ``-``.

    Args:
        runs: result of :func:`mmgala.analysis.describe_gradients` by name of the run.
    """
    table = _table(GRADIENT_COLUMNS.values())
    for name, run in runs.items():
        last = {key: values[-1] for key, values in run['summary'].items()}
        for summary, when in (
            (run['summary_total'], 'whole training'),
            (last, f'{UNITS[run["unit"]]} {run["steps"][-1]}'),
        ):
            cells = _cells(summary, GRADIENT_COLUMNS, '.3f')
            table.add_row(markdown_cell(f'{name}, {when}'), *cells)
    return table


def vectors_table(report: Mapping[str, Any]) -> Table:
    """Table of the mean similarities and norm of each shot group.

    Undefined numbers are shown as ``-``.

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
    values = [numbers.get(key) for key in columns]
    return ['-' if value is None else format(value, form) for value in values]


def write_predictions(
    path: str | Path,
    runs: Mapping[str, dict],
    classes: Sequence[dict],
    thresholds: ShotThresholds,
) -> None:
    """Write the analyses of the predictions of all runs as JSON.

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
    """Write the accuracy and predicted class marginal of each class as CSV.

    The marginal is relative to uniform. Undefined values are empty. For the arguments
    see :func:`write_predictions`.
    """
    columns: dict[str, Sequence] = {}
    for name, run in runs.items():
        for kind, ending in NAME_ENDINGS.items():
            columns[f'{name}{ending} accuracy'] = run[kind]['class_accuracy']
            columns[f'{name}{ending} predicted class marginal'] = run[kind][
                'class_mass'
            ]
    _write_csv(path, classes, columns)


def write_gradient_classes(
    path: str | Path, runs: Mapping[str, dict], classes: Sequence[dict]
) -> None:
    """Write the gradients of each class as CSV. Undefined values are empty.

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
    """Write a report as JSON, and its values per class as CSV next to it.

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
    write_text(path, csv_text([[*table], *zip(*table.values(), strict=True)]))
