"""Which runs are in work dirs, and what they are called."""

import re
from collections.abc import Sequence
from pathlib import Path

from mmgala.analysis.comparison_folders import predictions_in, with_compared_runs
from mmgala.analysis.gradient_files import loss_folders, record_paths
from mmgala.analysis.run_files import VECTORS_FILE


def runs_by_name(
    work_dirs: Sequence[Path],
    names: Sequence[str] | None,
    gradients_only: bool = False,
) -> dict[str, Path]:
    """Find the runs in work dirs; each of several observed losses is a run.

    Args:
        work_dirs: work dirs, folders of single losses, or folders of comparisons.
        names: one name per work dir. Defaults to those of :func:`run_names`.
        gradients_only: whether predictions and class weight vectors do not make a work
            dir with several losses a run, too.

    Returns:
        Folder of each run by name. The name of a loss's run is the name of the work dir
        followed by that of the loss; for comparisons, see
        :func:`mmgala.analysis.comparison_folders.with_compared_runs`.

    Raises:
        FileNotFoundError: if no training of a comparison has finished.
        ValueError: if the number of names is wrong, or names repeat.
    """
    runs: dict[str, Path] = {}
    found = with_compared_runs(work_dirs, run_names(work_dirs, names))
    for run_name, work_dir in found.items():
        losses = loss_folders(work_dir)
        has_others = not gradients_only and (
            predictions_in(work_dir) or (work_dir / VECTORS_FILE).exists()
        )
        if not losses or record_paths(work_dir) or has_others:
            runs[run_name] = work_dir
        runs |= {f'{run_name} {folder.name}': folder for folder in losses}
    return runs


def run_names(work_dirs: Sequence[Path], names: Sequence[str] | None) -> list[str]:
    """Give each run a unique name.

    Args:
        work_dirs: work dirs of the runs.
        names: one name per run. Defaults to the folder names or, if these repeat, to
            the whole paths.

    Raises:
        ValueError: if the number of names is wrong, or names repeat or are empty.
    """
    if names is None:
        names = [_folder_name(path.resolve()) for path in work_dirs]
        if len(set(names)) < len(names):
            names = [str(path) for path in work_dirs]
    if len(names) != len(work_dirs):
        raise ValueError(
            f'Expected a name in --names for each of the {len(work_dirs)} WORK_DIRs, '
            f'but got {len(names)}.'
        )
    if not all(name.strip() for name in names):
        raise ValueError(f'Expected --names that are not empty, but got {names}.')
    if len(set(names)) < len(names):
        raise ValueError(f'Expected different --names, but got {names}.')
    return list(names)


def _folder_name(path: Path) -> str:
    """Name of a folder; with its parent's if it is only a seed, as in comparisons."""
    if re.fullmatch(r'seed\d+', path.name):
        return f'{path.parent.name}/{path.name}'
    return path.name
