"""Read the files of a work dir that a report needs."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from mmgala.analysis.answer import FITTED, Place
from mmgala.analysis.comparison_folders import PREDICTIONS_FILE, predictions_in
from mmgala.analysis.gradient_files import (
    GradientRecord,
    read_gradient_run,
    read_record,
    record_paths,
)
from mmgala.analysis.gradient_summary import describe_gradients
from mmgala.analysis.prediction_files import (
    PredictionDump,
    predictions_thresholds,
    read_predictions,
)
from mmgala.analysis.predictions import analyse_with_guesses
from mmgala.analysis.results import VECTOR_COLUMNS, VECTORS_PER_CLASS
from mmgala.analysis.run_setup import run_config
from mmgala.analysis.samples import Guesses
from mmgala.functional import PostHocSteps, ShotThresholds
from mmgala.functional.prior_check import contradicted_prior, prior_warning
from mmgala.utils.checkpoint_origin import Origin
from mmgala.utils.files import read_bytes

VECTORS_FILE = 'class_vectors.json'
GRADIENT_HOOK = "custom_hooks=[dict(type='mmgala.GradientStatisticsHook', matrix=True)]"
REMEDY_OF_REPORT = 'State the true class shares with --target-prior train or FILE'


@dataclass(frozen=True)
class RunPart:
    """One part of the report on a run, with the classes that its file states.

    Attributes:
        content: the part, for JSON.
        source: file from which it was read.
        counts: number of training samples per class.
        names: class names, if known.
        targets: label of each test sample, for predictions.
        warning: what is wrong with the content, in words; empty if nothing is.
        origin: checkpoint that the part is of, if its file states it.
        record: the last gradient statistics, for gradients.
        guesses: predicted class of each test sample, raw and re-balanced.
        paths: path of each test image, if the predictions state them.
    """

    content: dict[str, Any]
    source: Path
    counts: Sequence[int]
    names: Sequence[str] | None
    targets: np.ndarray | None = None
    warning: str = ''
    origin: Origin | None = None
    record: GradientRecord | None = None
    guesses: dict[str, Guesses] | None = None
    paths: Sequence[str] | None = None


def agreed_thresholds(folders: Sequence[str | Path]) -> ShotThresholds | None:
    """Shot thresholds stated by the files of work dirs; ``None`` if none states any.

    Raises:
        ValueError: if a file cannot be read, or two files contradict each other.
    """
    stated = [pair for folder in folders for pair in _stated(Path(folder))]
    for path, thresholds in stated[1:]:
        if thresholds != stated[0][1]:
            raise ValueError(
                f'{stated[0][0]} and {path} have different shot thresholds: '
                f'{stated[0][1]} and {thresholds}. Pass --many and --few, or write one '
                'of the files again.'
            )
    return stated[0][1] if stated else None


def _stated(folder: Path) -> Iterator[tuple[Path, ShotThresholds]]:
    for path in record_paths(folder)[-1:]:
        yield path, read_record(path).thresholds
    if (folder / VECTORS_FILE).exists():
        yield folder / VECTORS_FILE, _load_vectors(folder / VECTORS_FILE)[1]
    predictions = predictions_in(folder)
    if predictions is not None:
        thresholds = predictions_thresholds(predictions)
        if thresholds is not None:
            yield predictions, thresholds


def read_gradients(folder: Path, thresholds: ShotThresholds) -> RunPart:
    """Describe the gradient statistics of a work dir.

    Raises:
        ValueError: if a file cannot be read, or has other shot thresholds.
    """
    records = read_gradient_run(folder)
    last = records[-1]
    source = record_paths(folder)[-1]
    _check_thresholds(thresholds, last.thresholds, source)
    names = _known(last.class_names)
    return RunPart(
        describe_gradients(records),
        source,
        last.class_counts.tolist(),
        names,
        record=last,
    )


def read_vectors(path: Path, thresholds: ShotThresholds) -> RunPart:
    """Read a file written by ``mmgala vectors``.

    Raises:
        ValueError: if it is another kind of file, or has other shot thresholds.
    """
    part, stated = _load_vectors(path)
    _check_thresholds(thresholds, stated, path)
    return part


def _load_vectors(path: Path) -> tuple[RunPart, ShotThresholds]:
    try:
        text = read_bytes(path).decode()
        content = json.loads(text, parse_constant=_refuse)
        classes, limits = content.pop('classes'), content.pop('limits')
        origin = Origin.from_plain(content.pop('origin', None))
        counts = [int(entry['count']) for entry in classes]
        names = _known([str(entry['name']) for entry in classes])
        stated = ShotThresholds(int(limits['many']), int(limits['few']))
        _check_vectors(content, len(classes))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        again = commands_for(path.parent)['vectors']
        raise ValueError(
            f'{path} cannot be read as class weight vectors ({type(error).__name__}: '
            f'{error}): write it again with {again}.'
        ) from error
    return RunPart(content, path, counts, names, origin=origin), stated


def _check_vectors(report: Mapping[str, Any], num_classes: int) -> None:
    """Check that a file has a number or ``null`` for each class and each group."""
    if num_classes == 0 or report['split'] not in ('train', 'val', 'test'):
        raise ValueError('it has no classes, or an unknown split')
    for key in VECTORS_PER_CLASS:
        values = report[key]
        if key == 'bias' and values is None:
            continue
        if not isinstance(values, list) or len(values) != num_classes:
            raise ValueError(f'`{key}` does not have one number per class')
        if not all(v is None or isinstance(v, (int, float)) for v in values):
            raise ValueError(f'`{key}` has values that are not numbers')
    for name, group in report['groups'].items():
        for key in VECTOR_COLUMNS:
            if not (group[key] is None or isinstance(group[key], (int, float))):
                raise ValueError(f'`{key}` of {name} is not a number')


def analyse_file(
    path: Path,
    thresholds: ShotThresholds,
    tau: float,
    counts: Sequence[int] | None,
    target_prior: Sequence[float] | Literal['train'] | None = None,
    class_mass: Tensor | None = None,
) -> RunPart:
    """Analyse a file of predictions.

    Args:
        path: file written by :class:`mmgala.evaluation.ScoreDump`.
        thresholds: shot thresholds.
        tau: strength of re-balancing.
        counts: number of training samples per class, for files without them.
        target_prior: class shares of the test set, C values with sum 1; ``'train'``:
            those of the training set. Defaults to balanced.
        class_mass: see :func:`mmgala.analysis.predictions.analyse_with_guesses`.

    Raises:
        ValueError: if it is another kind of file, or training counts are unknown.
    """
    dump = read_predictions(path, whole=False)
    if dump.class_counts is None and counts is not None:
        if len(counts) != dump.num_classes:
            raise ValueError(
                'Gradient statistics or class weight vectors in '
                f'{path.parent} and {path} have different classes: {len(counts)} and '
                f'{dump.num_classes} of them.'
            )
        dump = dump.with_counts(counts)
    steps = PostHocSteps.from_config(
        rebalancing=tau,
        class_counts=dump.class_counts,
        target_prior=target_prior,
        class_mass=class_mass,
    )
    try:
        steps.check_num_classes(dump.num_classes)
        content, guesses = analyse_with_guesses(
            dump, tau, thresholds, steps.prior, class_mass
        )
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    assert dump.class_counts is not None  # analyse_predictions requires them
    names = None if dump.class_names is None else _known(dump.class_names)
    counts = dump.class_counts.tolist()
    warning = _prior_warning(dump, steps, path)
    return RunPart(
        content,
        path,
        counts,
        names,
        dump.targets,
        warning,
        dump.origin,
        guesses=guesses,
        paths=dump.paths,
    )


def _prior_warning(dump: PredictionDump, steps: PostHocSteps, path: Path) -> str:
    """A warning if the labels contradict the class shares that the steps assume."""
    if not steps.assumes_prior or steps.class_mass is not None:
        return ''  # with the class mass of other data, they aim at the class mean
    support = np.bincount(dump.targets, minlength=dump.num_classes)
    found = contradicted_prior(support.tolist(), steps.prior)
    if found is None:
        return ''
    return prior_warning(str(path), found, dump.class_names or (), REMEDY_OF_REPORT)


def _refuse(constant: str) -> None:
    raise ValueError(f'it contains {constant}, which is not valid JSON')


def _known(names: Sequence[str]) -> Sequence[str] | None:
    """Return the class names, or ``None`` if they are only indices."""
    return None if list(names) == [str(c) for c in range(len(names))] else list(names)


def _check_thresholds(
    expected: ShotThresholds, stated: ShotThresholds, path: Path
) -> None:
    if expected != stated:
        raise ValueError(
            f'Expected the shot thresholds {expected} in all files, but {path} was '
            f'written with {stated}: pass --many {stated.many} --few {stated.few}, or '
            'write it again.'
        )


def place_of(folder: Path) -> Place:
    """Config and checkpoint of a work dir, for commands."""
    last = folder / 'last_checkpoint'
    if last.is_file():
        named = Path(last.read_text(encoding='utf-8', errors='replace').strip())
        for path in (named, folder / named.name):  # the folder may have been moved
            if path.is_file():  # a comparison keeps the checkpoint that it tests alone
                return Place.at(run_config(folder), path)
    found = [p for p in folder.glob('*.pth') if p.name != FITTED]
    return Place.at(run_config(folder), found[0] if len(found) == 1 else None)


def commands_for(
    folder: Path, thresholds: ShotThresholds | None = None
) -> dict[str, str]:
    """Commands that create the parts, with the folder's config and checkpoint."""
    place = place_of(folder)
    config, checkpoint = place.config, place.checkpoint
    where = shlex.quote(str(folder))
    flags = f' --many {thresholds.many} --few {thresholds.few}' if thresholds else ''
    return {
        'gradients': f'mmgala train {config} --work-dir {where} with {GRADIENT_HOOK}',
        'vectors': (
            f'mmgala vectors {config} {checkpoint} --out {where}/{VECTORS_FILE}{flags}'
        ),
        'predictions': (
            f'mmgala test {config} {checkpoint} --out {where}/{PREDICTIONS_FILE}'
        ),
    }
