"""Whether files that are shown together come from the checkpoint beside them."""

from collections.abc import Mapping
from pathlib import Path

from mmgala.analysis.gradient_files import UNITS, GradientRecord
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_origin import Origin


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
    if reached is None or int(reached) == record.number:
        return ''
    unit = UNITS[record.unit]
    return (
        f'The gradient statistics in {folder} end with {unit} {record.number}, but '
        f'{name} is of {unit} {int(reached)}.'
    )
