"""Measured class vectors as JSON, CSV and a table to print."""

import json
from pathlib import Path

from rich.box import MARKDOWN
from rich.table import Table

from mmgala.analysis.files import write_csv, write_text

PER_CLASS = ('own_similarity', 'other_similarity', 'norm', 'bias')


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
    for key in PER_CLASS:
        values = report[key]
        if key == 'bias' and values is None:
            continue
        if not isinstance(values, list) or len(values) != num_classes:
            raise ValueError(f'{key} is not one number per class')
        if not all(v is None or isinstance(v, (int, float)) for v in values):
            raise ValueError(f'{key} holds something else than numbers')
    for name, group in report['groups'].items():
        for key in PER_CLASS[:3]:
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
            '-' if values[k] is None else f'{values[k]:.3f}' for k in PER_CLASS[:3]
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
    columns = {key: report[key] for key in PER_CLASS if report[key] is not None}
    write_csv(Path(path).with_suffix('.csv'), report['classes'], columns)
