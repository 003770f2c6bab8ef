"""Training loss and validation metrics over a training, from MMEngine's scalars."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.utils.files import read_bytes

SCALARS = '*/vis_data/scalars.json'
# What is written beside losses and metrics; the report has figures of gradients.
NOT_COURSES = {'lr', 'data_time', 'time', 'memory', 'grad_norm', 'momentum'}
GRADIENTS = 'gradients/'
MOST_POINTS = 200  # of a curve
MOST_METRICS = 12


def read_course(work_dir: Path) -> dict[str, Any] | None:
    """Read the losses and the validation metrics of a training.

    A training that was resumed has several files; what a later one repeats counts.

    Args:
        work_dir: folder that MMEngine wrote ``*/vis_data/scalars.json`` to.

    Returns:
        ``unit`` of the steps of the losses, ``epoch`` or ``iteration``; ``loss``:
        ``steps`` and ``values`` of each loss, means of neighbours if there are more
        than 200; ``validation_unit`` and ``validation``: those of each metric. None if
        there are neither losses nor metrics.
    """
    lines = [
        list(_lines(path)) for path in sorted(work_dir.glob(SCALARS)) if path.is_file()
    ]
    training = _merged([[e for e in each if _is_training(e)] for each in lines])
    validation = _merged([[e for e in each if not _is_training(e)] for each in lines])
    by_epoch = bool(training) and all('epoch' in entry for entry in training)
    losses = _series(training, lambda key: 'loss' in key)
    metrics = _series(
        validation,
        lambda key: key not in ('step', *NOT_COURSES) and not key.startswith(GRADIENTS),
    )
    if not losses and not metrics:
        return None
    return {
        'unit': 'iteration',
        'loss': {key: _thinned(*each) for key, each in losses.items()},
        'validation_unit': 'epoch' if by_epoch else 'iteration',
        'validation': {
            key: _thinned(*each) for key, each in list(metrics.items())[:MOST_METRICS]
        },
    }


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Entries of a file with one JSON object per line; others are skipped."""
    for line in read_bytes(path).decode(errors='replace').splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue  # cut off when the training was killed
        if isinstance(entry, dict) and _is_number(entry.get('step')):
            yield entry


def _is_training(entry: Mapping[str, Any]) -> bool:
    return 'lr' in entry or 'loss' in entry


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _merged(files: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Entries in the order of their steps; a later file replaces what it repeats."""
    merged: list[dict[str, Any]] = []
    for entries in files:
        if entries:
            first = min(entry['step'] for entry in entries)
            merged = [entry for entry in merged if entry['step'] < first]
            merged += sorted(entries, key=lambda entry: entry['step'])
    return merged


def _series(
    entries: list[dict[str, Any]], wanted: Any
) -> dict[str, tuple[list[float], list[float]]]:
    """Steps and values of each key that is wanted, in the order of appearance."""
    series: dict[str, tuple[list[float], list[float]]] = {}
    for entry in entries:
        for key, value in entry.items():
            if wanted(key) and _is_number(value):
                steps, values = series.setdefault(key, ([], []))
                steps.append(entry['step'])
                values.append(float(value))
    return series


def _thinned(steps: list[float], values: list[float]) -> dict[str, list[float | None]]:
    """At most :data:`MOST_POINTS` points, means of neighbours."""
    size = -(-len(steps) // MOST_POINTS)
    starts = np.arange(0, len(steps), size)
    lengths = np.diff([*starts, len(steps)])
    means = (
        np.add.reduceat(np.array(column, dtype=np.float64), starts) / lengths
        for column in (steps, values)
    )
    steps_of, values_of = (column.tolist() for column in means)
    return {
        'steps': steps_of,
        'values': [value if np.isfinite(value) else None for value in values_of],
    }
