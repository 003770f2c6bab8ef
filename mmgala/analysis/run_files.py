"""Read what single files of a work dir say, for a report."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.analysis.gradient_files import (
    read_gradient_run,
    read_record,
    record_paths,
)
from mmgala.analysis.gradient_summary import describe_gradients
from mmgala.analysis.prediction_files import read_predictions
from mmgala.analysis.predictions import analyse_predictions
from mmgala.analysis.tables import check_vectors

PREDICTIONS = 'predictions.npz'
VECTORS = 'class_vectors.json'
HOOK = "custom_hooks=[dict(type='mmgala.GradientStatisticsHook', matrix=True)]"
Limits = tuple[int, int]


@dataclass(frozen=True)
class RunPart:
    """One part of a run, and what its file says of the classes.

    Attributes:
        content: ready for JSON.
        source: file that it is from.
        counts: training samples of each class.
        names: of the classes, if known.
        targets: class of each test sample, of predictions.
    """

    content: dict[str, Any]
    source: Path
    counts: Sequence[int]
    names: Sequence[str] | None
    targets: np.ndarray | None = None


def stored_limits(folder: Path) -> Limits:
    """Limits between the shot groups that the files of a work dir were written with.

    The usual 100 and 20 where no file of it has any.

    Raises:
        ValueError: if the newest gradient statistics cannot be read.
    """
    paths = record_paths(folder)
    return read_record(paths[-1]).limits if paths else (100, 20)


def read_gradients(folder: Path, limits: Limits) -> RunPart:
    """Describe the gradient statistics of a work dir.

    Raises:
        ValueError: if a file cannot be read, or other limits were used.
    """
    records = read_gradient_run(folder)
    last = records[-1]
    source = record_paths(folder)[-1]
    _check_limits(limits, last.limits, source)
    names = _known(last.class_names)
    return RunPart(
        describe_gradients(records), source, last.class_counts.tolist(), names
    )


def read_vectors(path: Path, limits: Limits) -> RunPart:
    """Read a file of ``tools/analysis/class_vectors.py``.

    Raises:
        ValueError: if it is something else, or other limits were used.
    """
    again = commands_for(path.parent, limits)['vectors']
    try:
        text = path.read_text(encoding='utf-8')
        content = json.loads(text, parse_constant=_refuse)
        classes, found = content.pop('classes'), content.pop('limits')
        counts = [int(entry['count']) for entry in classes]
        names = _known([str(entry['name']) for entry in classes])
        stored = (int(found['many']), int(found['few']))
        check_vectors(content, len(classes))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f'{path} cannot be read as class vectors ({type(error).__name__}: '
            f'{error}): write it again with {again}.'
        ) from error
    _check_limits(limits, stored, path)
    return RunPart(content, path, counts, names)


def analyse_file(
    path: Path, limits: Limits, tau: float, counts: Sequence[int] | None
) -> RunPart:
    """Analyse a file of predictions.

    Args:
        path: of :class:`mmgala.evaluation.ScoreDump`.
        limits: between the shot groups.
        tau: strength of re-balancing.
        counts: training samples of each class, if another part knows them: for files
            that do not.

    Raises:
        ValueError: if it is something else, or nobody knows the training counts.
    """
    dump = read_predictions(path)
    if dump.class_counts is None and counts is not None:
        if len(counts) != dump.num_classes:
            raise ValueError(
                f'Gradient statistics or class vectors in {path.parent} and {path} are '
                f'of different class sets: {len(counts)} and {dump.num_classes} '
                'classes.'
            )
        dump = dump.with_counts(counts)
    try:
        content = analyse_predictions(dump, tau, *limits)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    assert dump.class_counts is not None  # or there would be no analysis
    names = None if dump.class_names is None else _known(dump.class_names)
    return RunPart(content, path, dump.class_counts.tolist(), names, dump.targets)


def _refuse(constant: str) -> None:
    raise ValueError(f'it holds {constant}')


def _known(names: Sequence[str]) -> Sequence[str] | None:
    """Names, unless they only count the classes."""
    return None if list(names) == [str(c) for c in range(len(names))] else list(names)


def _check_limits(wanted: Limits, found: Limits, path: Path) -> None:
    if tuple(wanted) != tuple(found):
        raise ValueError(
            f'{path} has shot groups of many > {found[0]} and few < {found[1]}, but '
            f'the report is to have many > {wanted[0]} and few < {wanted[1]}: give '
            f'--many {found[0]} --few {found[1]}, or write it again.'
        )


def commands_for(folder: Path, limits: Limits) -> dict[str, str]:
    """How to make each part; with config and checkpoint where the folder has them."""
    configs, last = sorted(folder.glob('*.py')), folder / 'last_checkpoint'
    config = shlex.quote(str(configs[0])) if len(configs) == 1 else 'CONFIG'
    checkpoint = 'CHECKPOINT'
    if last.is_file():
        checkpoint = shlex.quote(
            last.read_text(encoding='utf-8', errors='replace').strip()
        )
    where = shlex.quote(str(folder))
    return {
        'gradients': f'python tools/train.py {config} --work-dir {where} with {HOOK}',
        'vectors': (
            f'python tools/analysis/class_vectors.py {config} {checkpoint} --out '
            f'{where}/{VECTORS} --many {limits[0]} --few {limits[1]}'
        ),
        'predictions': (
            f'python tools/test.py {config} {checkpoint} --out {where}/{PREDICTIONS}'
        ),
    }
