"""Output of ``GradientStatisticsHook``: files, scalars and figures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.runner import Runner

from mmgala.analysis import (
    FOLDER,
    SUMS,
    ClassGradients,
    GradientRecord,
    describe_gradients,
    record_number,
    record_paths,
    summarise_gradients,
    write_record,
)
from mmgala.analysis.gradient_files import loss_folders
from mmgala.functional import GradientSums, ShotThresholds
from mmgala.visualization import draw_gradient_ratio, figure_to_image


def make_record(
    when: tuple[str, int],
    class_names: Sequence[str],
    class_counts: np.ndarray,
    thresholds: ShotThresholds,
    bins: np.ndarray,
    period: GradientSums,
    total: GradientSums,
) -> GradientRecord:
    """Create a record of the sums of a period and of the training so far.

    Args:
        when: unit and number of the period's end, such as ``('epoch', 3)``.
        class_names: C class names.
        class_counts: ``(C,)`` number of training samples per class.
        thresholds: shot thresholds.
        bins: ``(C,)`` index of each class's bin in the matrix.
        period: sums of the period, on the CPU.
        total: sums of the training so far, on the CPU.
    """
    sums = (
        ClassGradients(**{name: getattr(s, name).numpy().copy() for name in SUMS})
        for s in (period, total)
    )
    return GradientRecord(
        *when, tuple(class_names), class_counts, thresholds, bins, *sums
    )


def write_outputs(
    runner: Runner, record: GradientRecord, draw: bool, loss: str = ''
) -> None:
    """Write a record as a file, as scalars and optionally as a figure.

    Errors are logged as warnings, so that they do not stop the training.

    Args:
        runner: runner of the training.
        record: record of a period.
        draw: whether to write the figure.
        loss: name of the loss, if several are recorded.
    """
    summary = summarise_gradients(record)
    scalars = {
        '/'.join(filter(None, ('gradients', loss, name))): value
        for name, value in summary.items()
        if value is not None
    }
    when = f'{record.unit} {record.number}'
    figure_name = f'gradient_ratio_{loss}' if loss else 'gradient_ratio'

    def write_figure() -> None:
        run = {when: describe_gradients([record])}
        image = figure_to_image(draw_gradient_ratio(record.class_counts, run))
        runner.visualizer.add_image(figure_name, image, step=record.number)

    outputs: dict[str, Callable[[], Any]] = {
        'file': lambda: write_record(record, Path(runner.work_dir) / FOLDER / loss),
        'scalars': lambda: runner.visualizer.add_scalars(scalars, step=record.number),
    }
    if draw:
        outputs['figure'] = write_figure
    for what, write in outputs.items():
        try:
            write()
        except Exception as error:  # any backend may fail in its own way
            runner.logger.warning(
                f'Could not write the {what} with the gradient statistics of {when}'
                f'{f" ({loss})" if loss else ""}; training continues without it: '
                f'{error}'
            )


def move_old_records(runner: Runner, done: int) -> None:
    """Move away files of an earlier run that this run has not reached.

    Args:
        runner: runner of the training.
        done: number of epochs, or iterations, completed when the training starts.
    """
    folder = Path(runner.work_dir) / FOLDER
    old = [
        path
        for run in (runner.work_dir, *loss_folders(runner.work_dir))
        for path in record_paths(run)
        if record_number(path) > done
    ]
    if not old:
        return
    aside = folder.with_name(f'{FOLDER}_before_{runner.timestamp}')
    try:
        for path in old:
            new = aside / path.relative_to(folder)
            new.parent.mkdir(parents=True, exist_ok=True)
            path.rename(new)
        runner.logger.info(f'Moved gradient statistics of an earlier run to {aside}.')
    except OSError as error:
        runner.logger.warning(
            f'Could not move gradient statistics of an earlier run out of {folder}, '
            f'where they mix with those of this run: {error}'
        )
