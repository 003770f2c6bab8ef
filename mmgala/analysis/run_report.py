"""Combine the analyses of several runs into one report for JSON and HTML."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from mmgala.analysis.answer import plain
from mmgala.analysis.comparison_folders import PREDICTIONS_FILE, predictions_in
from mmgala.analysis.gradient_files import is_loss_folder, record_paths
from mmgala.analysis.one_run import RunReport
from mmgala.analysis.origins import origin_warnings
from mmgala.analysis.report_answer import answer_of
from mmgala.analysis.results import describe_classes
from mmgala.analysis.run_course import read_course
from mmgala.analysis.run_files import (
    GRADIENT_HOOK,
    VECTORS_FILE,
    RunPart,
    agreed_thresholds,
    analyse_file,
    commands_for,
    read_gradients,
    read_vectors,
)
from mmgala.analysis.run_setup import read_setup, training_folder
from mmgala.analysis.samples import choose_samples
from mmgala.analysis.seeds import group_seeds
from mmgala.functional import ShotThresholds

PART_TITLES = {
    'gradients': 'gradient statistics',
    'vectors': 'class weight vectors',
    'predictions': 'predictions',
}
MOST_MISSING = 3  # lines on one part
RUN_KEYS = (*PART_TITLES, 'course', 'setup')


def read_run(
    work_dir: str | Path,
    name: str,
    thresholds: ShotThresholds | None = None,
    tau: float = 1.0,
    target_prior: Sequence[float] | Literal['train'] | None = None,
    class_mass: Tensor | None = None,
) -> RunReport:
    """Read gradient statistics, predictions and class weight vectors of a work dir.

    Args:
        work_dir: folder with any of ``gradient_statistics/*.npz``, ``predictions.npz``
            (of a run of a comparison, ``test.npz``) and ``class_vectors.json``; or the
            folder of one of several losses within ``gradient_statistics``.
        name: name of the run.
        thresholds: shot thresholds. Defaults to those that the files state.
        tau: strength of re-balancing, chosen on validation data.
        target_prior: class shares of the test set, see
            :func:`mmgala.analysis.run_files.analyse_file`.
        class_mass: for re-balancing, ``(C,)``; likewise.

    Raises:
        FileNotFoundError: if there is no such folder, or none of the three is in it.
        ValueError: if a file cannot be read, files have different classes, or one was
            written with other shot thresholds.
    """
    folder = Path(work_dir)
    if not folder.is_dir():
        raise FileNotFoundError(f'Work dir {folder} does not exist.')
    thresholds = thresholds or agreed_thresholds([folder]) or ShotThresholds()
    parts = _read_parts(folder, thresholds, tau, target_prior, class_mass)
    commands = commands_for(folder, thresholds)
    if not parts:
        raise FileNotFoundError(
            f'{folder} has no gradient statistics, no {PREDICTIONS_FILE} and no '
            f'{VECTORS_FILE}: run {commands["predictions"]}, or {commands["vectors"]}, '
            f'or train with {GRADIENT_HOOK}.'
        )
    first, *others = parts.values()
    for other in others:
        _check_classes(
            (first.counts, other.counts),
            (first.names, other.names),
            (str(first.source), str(other.source)),
        )
    return RunReport(
        name=name,
        source=str(folder),
        class_counts=first.counts,
        thresholds=thresholds,
        targets=next(
            (p.targets for p in parts.values() if p.targets is not None), None
        ),
        class_names=next((p.names for p in parts.values() if p.names), None),
        guesses=next((p.guesses for p in parts.values() if p.guesses), None),
        paths=next((p.paths for p in parts.values() if p.paths), None),
        course=read_course(training_folder(folder)),
        setup=read_setup(training_folder(folder)),
        missing={
            part: commands[part]
            for part in PART_TITLES
            if part not in parts and not is_loss_folder(folder)
        },
        warnings=[part.warning for part in parts.values() if part.warning]
        + origin_warnings(
            folder,
            {part.source: part.origin for part in parts.values() if part.origin},
            next((part.record for part in parts.values() if part.record), None),
        ),
        **{key: part.content for key, part in parts.items()},
    )


def _read_parts(
    folder: Path,
    thresholds: ShotThresholds,
    tau: float,
    target_prior: Sequence[float] | Literal['train'] | None,
    class_mass: Tensor | None,
) -> dict[str, RunPart]:
    parts = {}
    if record_paths(folder):
        parts['gradients'] = read_gradients(folder, thresholds)
    if (folder / VECTORS_FILE).exists():
        parts['vectors'] = read_vectors(folder / VECTORS_FILE, thresholds)
    predictions = predictions_in(folder)
    if predictions is not None:
        counts = next((part.counts for part in parts.values()), None)
        parts['predictions'] = analyse_file(
            predictions, thresholds, tau, counts, target_prior, class_mass
        )
    return parts


def merge_runs(runs: Sequence[RunReport], title: str) -> dict[str, Any]:
    """Merge runs with the same classes into one report.

    Args:
        runs: at least one run; see :func:`read_run`.
        title: title of the report.

    Returns:
        ``title``; ``answer``: what was found, as lines with ``topic``, ``heading``,
        ``text`` and ``command``, and ``answer_note``, how sure that is; ``methods``
        (name, and positions and seeds of their runs); ``limits``; ``classes`` (name,
        count and group of each); ``runs`` (name, the three parts, ``course`` and
        ``setup`` of each); ``missing``; ``warnings``; and ``samples``, the test samples
        to show, see :func:`mmgala.analysis.samples.choose_samples`.

    Raises:
        ValueError: if there is no run, names repeat, classes or shot thresholds differ,
            or predictions or class weight vectors were computed on different images.
    """
    if not runs:
        raise ValueError('Expected at least one run.')
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise ValueError(f'Expected runs of different names, but got {names}.')
    first = runs[0]
    for run in runs[1:]:
        _check_classes(
            (first.class_counts, run.class_counts),
            (first.class_names, run.class_names),
            (first.source, run.source),
        )
        if run.thresholds != first.thresholds:
            raise ValueError(
                f'{first.source} and {run.source} have different shot thresholds: '
                f'{first.thresholds} and {run.thresholds}.'
            )
    _check_same_images(runs)
    class_names = next((run.class_names for run in runs if run.class_names), None)
    targets = next((run.targets for run in runs if run.targets is not None), None)
    methods = group_seeds(names)
    lines, note = answer_of(runs, methods)
    return {
        'title': title,
        'answer': plain(lines),
        'answer_note': note,
        'methods': [asdict(method) for method in methods],
        'limits': asdict(first.thresholds),
        'classes': describe_classes(first.class_counts, class_names, first.thresholds),
        'runs': [
            {'name': run.name, **{part: getattr(run, part) for part in RUN_KEYS}}
            for run in runs
        ],
        'missing': [line for part in PART_TITLES for line in _missing(runs, part)],
        'warnings': [line for run in runs for line in run.warnings],
        'samples': (
            None
            if targets is None
            else choose_samples(
                targets, [run.guesses for run in runs], len(first.class_counts)
            )
        ),
    }


def _missing(runs: Sequence[RunReport], part: str) -> list[str]:
    """Lines on the runs without a part; one line if they are many."""
    title = PART_TITLES[part]
    commands = {run.name: run.missing[part] for run in runs if part in run.missing}
    if len(commands) <= MOST_MISSING:
        return [f'{name} has no {title}: {line}' for name, line in commands.items()]
    first, *_ = commands
    return [f'{len(commands)} runs have no {title}; for {first}: {commands[first]}']


def _check_same_images(runs: Sequence[RunReport]) -> None:
    """Check that predictions and class weight vectors are of the same images."""
    tested = [(r.source, r.targets) for r in runs if r.targets is not None]
    for source, targets in tested[1:]:
        if not np.array_equal(tested[0][1], targets):
            raise ValueError(
                f'The predictions in {tested[0][0]} and {source} have different '
                'labels: test both models on the same test set.'
            )
    measured = [(r.source, r.vectors['split']) for r in runs if r.vectors is not None]
    for source, split in measured[1:]:
        if split != measured[0][1]:
            raise ValueError(
                f'The class weight vectors in {measured[0][0]} were measured on '
                f'{measured[0][1]} images, but those in {source} on {split} images: '
                'write one of them again, with the --split of the other.'
            )


def _check_classes(
    counts: tuple[Sequence[int], Sequence[int]],
    names: tuple[Sequence[str] | None, Sequence[str] | None],
    sources: tuple[str, str],
) -> None:
    what = f'{sources[0]} and {sources[1]}'
    sizes = tuple(map(len, counts))
    if sizes[0] != sizes[1]:
        raise ValueError(
            f'{what} have different classes: {sizes[0]} and {sizes[1]} of them.'
        )
    for key, (a, b) in (('names', names), ('training counts', counts)):
        if a is None or b is None:
            continue
        differing = np.flatnonzero(np.asarray(a) != np.asarray(b))
        if len(differing):
            c = int(differing[0])
            raise ValueError(
                f'{what} have different classes: the {key} of class {c} '
                f'are {a[c]!r} and {b[c]!r}.'
            )
