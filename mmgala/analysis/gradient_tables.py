"""Gradients of several runs as JSON, CSV and a table to print."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import MARKDOWN
from rich.table import Table

from mmgala.analysis.files import write_csv, write_text
from mmgala.analysis.gradient_summary import GROUPS

COLUMNS = {
    'ratio_many': 'ratio, many',
    'ratio_medium': 'medium',
    'ratio_few': 'few',
    'tail_head_ratio': 'tail / head',
    'log_ratio_spread': 'spread of log ratio',
    'ratio_rank_correlation': 'rank correlation',
    'source_gini': 'Gini of sources',
    'source_head_share': 'given by head',
}
PER_CLASS = ('ratio_total', 'ratio', 'pos_grad', 'neg_grad', 'given_grad')


def gradients_table(runs: Mapping[str, dict]) -> Table:
    """Summaries of the whole training and of its last period; `-` where undefined.

    Args:
        runs: name of each run to what :func:`mmgala.analysis.describe_gradients` gives.
    """
    result = Table('', box=MARKDOWN)
    for column in COLUMNS.values():
        result.add_column(column, justify='right')
    for name, run in runs.items():
        last = {key: values[-1] for key, values in run['summary'].items()}
        for summary, when in (
            (run['summary_total'], 'whole training'),
            (last, f'{run["unit"]} {run["steps"][-1]}'),
        ):
            cells = [_cell(summary.get(key)) for key in COLUMNS]
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
        columns |= {f'{name} {key}': run[key] for key in PER_CLASS}
        for index, group in enumerate(GROUPS):
            columns[f'{name} share from {group}'] = [
                share[index] for share in run['source_shares']
            ]
    write_csv(path, classes, columns)
