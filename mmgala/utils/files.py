"""Write text files whole or not at all, and name runs by theirs."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all; folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.partial')
    try:
        partial.write_text(text, encoding='utf-8')
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_csv(
    path: str | Path, classes: Sequence[Mapping], columns: Mapping[str, Sequence]
) -> None:
    """Write a row per class: number, name, count, group and ``columns``.

    Args:
        path: file to write.
        classes: of :func:`mmgala.analysis.describe_classes`, C of them.
        columns: C values by heading; None is left empty.
    """
    table = {
        'class': range(len(classes)),
        **{key: [c[key] for c in classes] for key in ('name', 'count', 'group')},
        **columns,
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    write_text(path, text.getvalue())


def run_names(work_dirs: Sequence[Path], names: Sequence[str] | None) -> list[str]:
    """A name for each run, all different.

    Args:
        work_dirs: of the runs.
        names: given ones. Defaults to the folders' names, or to the whole paths where
            those are not different.

    Raises:
        ValueError: if there are not as many names as runs, or two are the same.
    """
    if names is None:
        names = [path.resolve().name for path in work_dirs]
        if len(set(names)) < len(names):
            names = [str(path) for path in work_dirs]
    if len(names) != len(work_dirs):
        raise ValueError(
            f'--names takes one per WORK_DIR, {len(work_dirs)}, but got {len(names)}.'
        )
    if len(set(names)) < len(names):
        raise ValueError(f'--names must differ, but the runs are called {names}.')
    return list(names)
