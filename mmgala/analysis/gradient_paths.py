"""Where the files of ``GradientStatisticsHook`` are, of one loss and of several."""

import re
from collections.abc import Sequence
from pathlib import Path

from mmgala.analysis.files import run_names

FOLDER = 'gradient_statistics'
UNITS = ('epoch', 'iter')


def is_loss_folder(path: str | Path) -> bool:
    """Whether it is the folder of one of several losses, within a work dir's."""
    return (
        Path(path).resolve().parent.name == FOLDER and not Path(path, FOLDER).is_dir()
    )


def loss_folders(work_dir: str | Path) -> list[Path]:
    """Folders of a work dir that hold files of one loss of several each."""
    if is_loss_folder(work_dir):
        return []
    found = sorted(Path(work_dir, FOLDER).glob('*'))
    return [path for path in found if path.is_dir() and record_paths(path)]


def record_paths(run: str | Path) -> list[Path]:
    """Files of a work dir, or of one loss of several, in the order of the training.

    Args:
        run: the work dir, or ``<work dir>/gradient_statistics/<loss>``.
    """
    numbered = []
    folder = Path(run) if is_loss_folder(run) else Path(run, FOLDER)
    for path in folder.glob('*.npz'):
        match = re.fullmatch(r'(epoch|iter)_(\d+)', path.stem)
        if match:
            numbered.append((UNITS.index(match[1]), int(match[2]), path))
    return [path for _, _, path in sorted(numbered)]


def runs_by_name(
    work_dirs: Sequence[Path], names: Sequence[str] | None, others: Sequence[str] = ()
) -> dict[str, Path]:
    """Work dirs by name; one of several losses as a run for each of these.

    Args:
        work_dirs: of trainings, or folders of single losses.
        names: a name for each. Defaults to :func:`mmgala.analysis.run_names`.
        others: names of files that also make a work dir a run of its own.

    Returns:
        Folder of each run by its name; that of a loss is added to the work dir's.

    Raises:
        ValueError: if there are not as many names as work dirs, or two are the same.
    """
    runs: dict[str, Path] = {}
    for name, work_dir in zip(run_names(work_dirs, names), work_dirs, strict=True):
        losses = loss_folders(work_dir)
        has_others = any(Path(work_dir, other).is_file() for other in others)
        if not losses or record_paths(work_dir) or has_others:
            runs[name] = work_dir
        runs |= {f'{name} {folder.name}': folder for folder in losses}
    return runs
