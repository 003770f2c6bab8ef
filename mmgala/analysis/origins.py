"""Whether files that are shown together come from the checkpoint beside them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmgala.analysis.gradient_files import (
    FOLDER,
    SUMS,
    UNITS,
    GradientRecord,
)
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_origin import STATISTICS_KEY, Origin

_SUMS_KEY = 'finished'  # in a checkpoint: sums until the last file was written
_ROUNDING = 1e-4  # files have float32


def origin_warnings(
    folder: Path,
    origins: Mapping[Path, Origin],
    record: GradientRecord | None = None,
) -> list[str]:
    """A line for each file that is not of the checkpoints in its work dir.

    Args:
        folder: the work dir.
        origins: checkpoint that each file states as its own.
        record: the last gradient statistics of the work dir.
    """
    lines: list[str] = []
    current: list[tuple[Path, Origin]] = []
    for path, origin in origins.items():
        name = Path(origin.checkpoint).name
        found = _read(folder / name)
        if found is None:
            continue
        if Origin.of(name, found) != Origin(name, origin.weights):
            lines.append(
                f'{path} was made from an earlier {name} than the one in {folder}: '
                'write it again.'
            )
            continue
        current.append((path, origin))
        if record is not None and (line := _about_record(folder, record, name, found)):
            lines.append(line)
    for path, origin in current[1:]:
        first, other = current[0]
        if origin.weights != other.weights:
            lines.append(
                f'{first} is of {other.checkpoint}, and {path} of {origin.checkpoint}: '
                'write one of them again, from the same checkpoint.'
            )
    return list(dict.fromkeys(lines))


def _read(path: Path) -> dict | None:
    """The checkpoint, or ``None`` if it is not there or cannot be read."""
    try:
        return read_checkpoint(path)
    except (OSError, ValueError):
        return None


def _about_record(
    folder: Path, record: GradientRecord, name: str, checkpoint: dict
) -> str:
    reached = (checkpoint.get('meta') or {}).get(record.unit)
    if reached is None:
        return ''
    unit = UNITS[record.unit]
    if int(reached) != record.number:
        return (
            f'The gradient statistics in {folder} end with {unit} {record.number}, but '
            f'{name} is of {unit} {int(reached)}.'
        )
    if _is_of_training(record, checkpoint):
        return ''
    return (
        f'The gradient statistics in {folder} are of another training than {name}, '
        f'which ends with {unit} {record.number} too: delete {FOLDER}, or train again '
        'with mmgala.GradientStatisticsHook.'
    )


def _is_of_training(record: GradientRecord, checkpoint: dict) -> bool:
    """Whether the sums of a record are those that the training has saved.

    Checkpoints that only hold weights, as those of other tools, do not tell.
    """
    saved = checkpoint.get(STATISTICS_KEY)
    if not saved:
        return 'message_hub' not in checkpoint  # a training saves both
    # Of a single loss, or of several by their names.
    states = [saved] if _SUMS_KEY in saved else list(saved.values())
    sums = [np.ravel(getattr(record.total, name)) for name in SUMS]
    total = np.concatenate(sums)
    finished = [np.asarray(state[_SUMS_KEY]) for state in states]
    return any(
        total.shape == stored.shape and np.allclose(total, stored, rtol=_ROUNDING)
        for stored in finished
    )
