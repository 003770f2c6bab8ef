"""The files of a comparison, which ``mmgala compare`` writes, and its trainings."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STATE = 'run.json'
SCORES = {'val': 'val.npz', 'test': 'test.npz'}
RESULTS = 'results.json'
PREDICTIONS_FILE = 'predictions.npz'
_SEED_FOLDER = re.compile(r'seed\d+')


def read_run_state(folder: Path) -> dict[str, Any] | None:
    """Read the state of a run; None if there is no readable file."""
    return _read_dict(folder / STATE)


def _read_dict(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def predictions_in(folder: Path) -> Path | None:
    """File with the predictions on the test set in a work dir, if there is one.

    A file of ``mmgala test --out`` goes before that of a comparison, as it is newer.
    """
    compared = [folder / SCORES['test']] if (folder / STATE).is_file() else []
    return next(filter(Path.exists, [folder / PREDICTIONS_FILE, *compared]), None)


def compared_runs(folder: Path) -> dict[str, Path]:
    """Finished trainings of a comparison, by name; empty if it is another folder.

    Args:
        folder: ``--work-dir`` of ``mmgala compare``, with ``METHOD/seedN`` in it.

    Returns:
        Folder of each training by ``'METHOD, seed N'``, in the order of the results,
        with METHOD as its folder is called.

    Raises:
        FileNotFoundError: if none of its trainings has finished.
    """
    states = {
        path.parent: read_run_state(path.parent) or {}
        for path in folder.glob(f'*/seed*/{STATE}')
        if _SEED_FOLDER.fullmatch(path.parent.name)
    }
    finished = [
        run
        for run, state in states.items()
        if state.get('status') == 'finished' and predictions_in(run)
    ]
    if states and not finished:
        raise FileNotFoundError(
            f'No training of the comparison in {folder} has finished: repeat its '
            '"mmgala compare" command, which continues it.'
        )
    table = _methods(folder)

    def place(run: Path) -> tuple[int, str, int]:
        method = states[run].get('method')
        row = table.index(method) if method in table else len(table)
        return row, run.parent.name, _seed(run)

    return {
        f'{run.parent.name}, seed {_seed(run)}': run
        for run in sorted(finished, key=place)
    }


def _seed(run: Path) -> int:
    return int(run.name.removeprefix('seed'))


def _methods(folder: Path) -> list[Any]:
    """Methods in the order of the table of results, if there is one."""
    rows = (_read_dict(folder / RESULTS) or {}).get('rows')
    rows = rows if isinstance(rows, list) else []
    return [row.get('method') for row in rows if isinstance(row, dict)]


def with_compared_runs(
    work_dirs: Sequence[Path], names: Sequence[str]
) -> dict[str, Path]:
    """Work dirs by name, with the trainings of a comparison instead of its folder.

    Args:
        work_dirs: work dirs of trainings, or folders of comparisons.
        names: a different name for each.

    Returns:
        Folder of each training by name. The name of a comparison goes before those of
        its trainings if there are other work dirs.

    Raises:
        FileNotFoundError: if no training of a comparison has finished.
    """
    found: dict[str, Path] = {}
    for name, work_dir in zip(names, work_dirs, strict=True):
        runs = compared_runs(Path(work_dir)) or {'': Path(work_dir)}
        for run, folder in runs.items():
            alone = run and len(work_dirs) == 1
            found[run if alone else f'{name} {run}'.strip()] = folder
    return found
