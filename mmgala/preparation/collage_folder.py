"""A folder that gets its name when all in it is there."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

SETTINGS = 'settings.json'


def is_made(out: Path, settings: str) -> bool:
    """Whether the folder is there already, made with the same settings.

    Args:
        out: the folder.
        settings: what its settings file would hold.

    Raises:
        FileExistsError: if something else is there.
    """
    if not out.exists():
        return False
    path = out / SETTINGS
    there = path.read_text() if path.is_file() else None
    if there == settings:
        return True
    holds = f'a set of other settings ({there})' if there else 'something else'
    raise FileExistsError(
        f'{out} exists and holds {holds}: remove it, or choose another --out.'
    )


@contextlib.contextmanager
def whole_folder(out: Path, settings: str) -> Iterator[Path]:
    """Fill a folder that becomes ``out`` at the end, or vanishes on an error.

    Args:
        out: does not exist.
        settings: for its settings file.

    Yields:
        An empty folder beside ``out``, which no other process gets meanwhile.

    Raises:
        BlockingIOError: if another process fills it.
    """
    folder = out.with_name(f'{out.name}.unfinished')
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY)
    try:
        _lock(held, folder, out)
        for left in folder.iterdir():  # by a killed run; the folder itself is held
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield folder
            (folder / SETTINGS).write_text(settings)
            os.rename(folder, out)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _lock(held: int, folder: Path, out: Path) -> None:
    """Keep others out; the lock of a killed process is no hindrance."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another run may just have given it its name.
        if not folder.exists() or not os.path.samestat(os.fstat(held), folder.stat()):
            raise BlockingIOError
    except BlockingIOError:
        raise BlockingIOError(
            f'Another run makes {out}: wait until it has ended.'
        ) from None
