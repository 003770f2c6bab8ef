"""Read and write the files of ``GradientStatisticsHook``, one per period.

A file is ``<work dir>/gradient_statistics/epoch_<n>.npz``, or ``iter_<n>.npz`` in
iteration-based training. If several losses are observed, each has its own folder:
``gradient_statistics/<loss>/epoch_<n>.npz``. No file contains a pickle. A file has

* ``unit``, ``number``: ``'epoch'`` and n; ``class_names``; ``class_counts`` ``(C,)``,
  the number of training samples per class; ``limits``: the shot thresholds, many and
  few; ``matrix_bins`` ``(C,)``: bin of each class;
* for the period since the previous file, and with the prefix ``total_`` for the whole
  training so far: ``pos_grad``, ``neg_grad``, ``given_grad``, ``samples`` ``(C,)``,
  ``sources`` ``(3, C)`` and ``matrix`` ``(B, B)``; see
  :class:`mmgala.functional.GradientSums`.
"""

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.functional import ShotThresholds
from mmgala.utils.arrays import UNREADABLE, read_npz
from mmgala.utils.files import replacing

FOLDER = 'gradient_statistics'
"""Folder of the files in a work directory."""
UNITS = {'epoch': 'epoch', 'iter': 'iteration'}  # as written in files: in words


def is_loss_folder(path: str | Path) -> bool:
    """Whether this is the folder of one of several losses."""
    return (
        Path(path).resolve().parent.name == FOLDER and not Path(path, FOLDER).is_dir()
    )


def loss_folders(work_dir: str | Path) -> list[Path]:
    """Folders of the losses in a work dir, if several losses were observed."""
    if is_loss_folder(work_dir):
        return []
    found = sorted(Path(work_dir, FOLDER).glob('*'))
    return [path for path in found if path.is_dir() and record_paths(path)]


def record_paths(run: str | Path) -> list[Path]:
    """Find the files of a work dir, or of one of several losses, in training order.

    Args:
        run: the work dir, or ``<work dir>/gradient_statistics/<loss>``.
    """
    numbered = []
    folder = Path(run) if is_loss_folder(run) else Path(run, FOLDER)
    for path in folder.glob('*.npz'):
        match = re.fullmatch(r'(epoch|iter)_(\d+)', path.stem)
        if match:
            numbered.append(([*UNITS].index(match[1]), int(match[2]), path))
    return [path for _, _, path in sorted(numbered)]


@dataclass(frozen=True)
class ClassGradients:
    """Sums over samples; for each field see :class:`mmgala.functional.GradientSums`."""

    pos_grad: np.ndarray
    neg_grad: np.ndarray
    given_grad: np.ndarray
    samples: np.ndarray
    sources: np.ndarray
    matrix: np.ndarray


SUMS = tuple(field.name for field in fields(ClassGradients))
"""Names of the arrays in a file."""


@dataclass(frozen=True)
class GradientRecord:
    """Content of one file.

    Attributes:
        unit: ``'epoch'`` or ``'iter'``.
        number: number of the epoch or iteration after which it was written.
        class_names: C names.
        class_counts: number of training samples per class, ``(C,)`` int64.
        thresholds: shot thresholds.
        matrix_bins: bin of each class in the matrix, ``(C,)`` int64.
        period: sums since the previous record.
        total: sums over the whole training so far.
    """

    unit: str
    number: int
    class_names: tuple[str, ...]
    class_counts: np.ndarray
    thresholds: ShotThresholds
    matrix_bins: np.ndarray
    period: ClassGradients
    total: ClassGradients

    @property
    def file_name(self) -> str:
        """File name, without the folder."""
        return f'{self.unit}_{self.number}.npz'


def write_record(record: GradientRecord, folder: Path) -> Path:
    """Write a record into ``folder``, atomically.

    Returns:
        Path of the file.

    Raises:
        OSError: if it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = dict(
        unit=np.array(record.unit),
        number=np.array(record.number),
        class_names=np.array(record.class_names, dtype=np.str_),
        class_counts=record.class_counts,
        limits=np.array(astuple(record.thresholds)),
        matrix_bins=record.matrix_bins,
    )
    for prefix, sums in (('', record.period), ('total_', record.total)):
        for name in SUMS:
            arrays[prefix + name] = getattr(sums, name).astype(np.float32)
    path = folder / record.file_name
    with replacing(path) as unfinished:
        np.savez_compressed(unfinished, **arrays)
    return path


def read_record(path: str | Path) -> GradientRecord:
    """Read one file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or not a file of gradient statistics.
    """
    try:
        arrays = read_npz(path)
    except FileNotFoundError:
        raise
    except UNREADABLE as error:
        raise ValueError(
            f'Gradient statistics {path} cannot be read ({type(error).__name__}): the '
            'file is truncated or was not written by GradientStatisticsHook. Delete '
            'it; the other files in its folder can be used without it.'
        ) from error
    missing = {*_KEYS} - {*arrays}
    if missing:
        raise ValueError(
            f'Expected {path} to be a file of GradientStatisticsHook, but it lacks '
            f'{", ".join(sorted(missing))}.'
        )
    if not (_are_numbers(arrays) and _have_shapes(arrays)):
        raise ValueError(
            f'Gradient statistics {path} are damaged: the arrays have different '
            'numbers of classes, or values that are not finite numbers of 0 or more. '
            'Delete the file.'
        )
    period, total = (
        ClassGradients(**{n: arrays[prefix + n].astype(np.float64) for n in SUMS})
        for prefix in ('', 'total_')
    )
    return GradientRecord(
        unit=str(arrays['unit']),
        number=int(arrays['number']),
        class_names=tuple(arrays['class_names'].tolist()),
        class_counts=arrays['class_counts'],
        thresholds=ShotThresholds(*arrays['limits'].tolist()),
        matrix_bins=arrays['matrix_bins'],
        period=period,
        total=total,
    )


def _are_numbers(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether all but the names and the unit are finite numbers of 0 or more."""
    values = [arrays[key] for key in _KEYS if key not in ('unit', 'class_names')]
    return all(
        np.issubdtype(array.dtype, np.number)
        and bool(np.isfinite(array).all() and (array >= 0).all())
        for array in values
    )


def _have_shapes(arrays: Mapping[str, np.ndarray]) -> bool:
    num_classes = arrays['class_counts'].size
    num_bins = len(np.atleast_1d(arrays['matrix']))
    vectors = ('class_names', 'class_counts', 'matrix_bins')
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(vectors, (num_classes,))
    shapes |= {'unit': (), 'number': (), 'limits': (2,)}
    for prefix in ('', 'total_'):
        shapes |= dict.fromkeys((prefix + name for name in SUMS), (num_classes,))
        shapes[f'{prefix}sources'] = (3, num_classes)
        shapes[f'{prefix}matrix'] = (num_bins, num_bins)
    return all(arrays[name].shape == shape for name, shape in shapes.items())


_KEYS = (
    'unit',
    'number',
    'class_names',
    'class_counts',
    'limits',
    'matrix_bins',
    *SUMS,
    *(f'total_{name}' for name in SUMS),
)


def record_number(path: Path) -> int:
    """Number of the epoch or iteration in a file name; see :func:`record_paths`."""
    return int(path.stem.rpartition('_')[2])


def read_gradient_run(work_dir: str | Path) -> list[GradientRecord]:
    """Read the records of one training run, in training order.

    Args:
        work_dir: work dir, or folder of one of several losses; see
            :func:`record_paths`.

    Returns:
        One or more records, which all have the same unit and the same classes.

    Raises:
        FileNotFoundError: if the work dir or its statistics are missing.
        ValueError: if a file cannot be read, or the files come from different
            trainings or losses.
    """
    if not Path(work_dir).is_dir():
        raise FileNotFoundError(f'Work dir {work_dir} does not exist.')
    paths = record_paths(work_dir)
    if not paths and loss_folders(work_dir):
        raise ValueError(
            f'{work_dir} has gradient statistics of several losses: choose one of '
            f'them, such as {loss_folders(work_dir)[0]}.'
        )
    if not paths:
        raise FileNotFoundError(
            f'{work_dir} has no gradient statistics ({FOLDER}/epoch_*.npz): train '
            "with custom_hooks=[dict(type='mmgala.GradientStatisticsHook')] in the "
            'config.'
        )
    records = [read_record(path) for path in paths]
    for path, record in zip(paths[1:], records[1:], strict=True):
        check_same_classes(records[0], record, str(paths[0]), str(path))
        if record.unit != records[0].unit:
            raise ValueError(
                f'{paths[0]} counts {UNITS[records[0].unit]}s, but {path} counts '
                f'{UNITS[record.unit]}s: two trainings have written to {work_dir}. '
                'Move the files of one of them to another folder.'
            )
    return records


def check_same_classes(
    first: GradientRecord, other: GradientRecord, first_name: str, other_name: str
) -> None:
    """Check that two records have the same classes.

    Raises:
        ValueError: if names, training counts or shot groups differ.
    """
    if first.class_names != other.class_names:
        raise ValueError(
            f'{first_name} and {other_name} have different classes '
            f'({len(first.class_names)} and {len(other.class_names)} classes): compare '
            'trainings on the same data set.'
        )
    if first.thresholds != other.thresholds:
        raise ValueError(
            f'{first_name} and {other_name} have different shot thresholds: '
            f'{first.thresholds} and {other.thresholds}. Train with the same `many` '
            'and `few`.'
        )
    differing = np.flatnonzero(first.class_counts != other.class_counts)
    if len(differing):
        index = int(differing[0])
        raise ValueError(
            f'{first_name} and {other_name} have the same classes, but different '
            f'training sets: {first.class_counts[index]} and '
            f'{other.class_counts[index]} samples of class '
            f'{first.class_names[index]!r}. Compare trainings on the same data set.'
        )
