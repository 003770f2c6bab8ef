"""What ``GradientStatisticsHook`` writes: files, scalars and pictures."""

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
from mmgala.functional import GradientSums
from mmgala.visualization import draw_gradient_ratio, figure_to_image


def make_record(
    when: tuple[str, int],
    class_names: Sequence[str],
    class_counts: np.ndarray,
    limits: tuple[int, int],
    bins: np.ndarray,
    period: GradientSums,
    total: GradientSums,
) -> GradientRecord:
    """Put the sums of a period, and of the training so far, into a record.

    Args:
        when: unit and number of the period's end, such as ``('epoch', 3)``.
        class_names: C names.
        class_counts: training samples of each class, ``(C,)``.
        limits: ``(many, few)``, between the shot groups.
        bins: bin of each class in the matrix, ``(C,)``.
        period: sums on the CPU.
        total: sums on the CPU.
    """
    sums = (
        ClassGradients(**{name: getattr(s, name).numpy().copy() for name in SUMS})
        for s in (period, total)
    )
    return GradientRecord(*when, tuple(class_names), class_counts, limits, bins, *sums)


def write_outputs(
    runner: Runner, record: GradientRecord, draw: bool, loss: str = ''
) -> None:
    """Write file and scalars of a record, and a picture; what fails costs a warning.

    Args:
        runner: of the training.
        record: of a period.
        draw: also write the picture.
        loss: name of the loss, where several are watched.
    """
    summary = summarise_gradients(record)
    scalars = {
        '/'.join(filter(None, ('gradients', loss, name))): value
        for name, value in summary.items()
        if value is not None
    }
    when = f'{record.unit} {record.number}'
    picture = f'gradient_ratio_{loss}' if loss else 'gradient_ratio'

    def write_picture() -> None:
        run = {when: describe_gradients([record])}
        image = figure_to_image(draw_gradient_ratio(record.class_counts, run))
        runner.visualizer.add_image(picture, image, step=record.number)

    outputs: dict[str, Callable[[], Any]] = {
        'file': lambda: write_record(record, Path(runner.work_dir) / FOLDER / loss),
        'scalars': lambda: runner.visualizer.add_scalars(scalars, step=record.number),
    }
    if draw:
        outputs['picture'] = write_picture
    for what, write in outputs.items():
        try:
            write()
        except Exception as error:  # of whatever backend: the training goes on
            runner.logger.warning(
                f'The {what} of the gradient statistics of {when} could not be written'
                f'{f" ({loss})" if loss else ""}, and the training goes on without: '
                f'{error}'
            )


def set_old_files_aside(runner: Runner, done: int) -> None:
    """Keep files that an earlier training wrote beyond this one's start apart.

    Args:
        runner: of the training.
        done: epochs, or iterations, that are done when it starts.
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
        runner.logger.info(f'Gradient statistics of an earlier run are in {aside}.')
    except OSError as error:
        runner.logger.warning(
            f'Gradient statistics of an earlier run stay in {folder}, beside those of '
            f'this one: {error}'
        )
