"""What libraries print while a benchmark runs is no result: it goes to a log file."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from mmgala.console import command_session, log_in
from mmgala.console.mmengine_log import use_session

LOG = 'benchmark.log'


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Drop what libraries print when they are imported, and all warnings after it."""
    with command_session() as session, session.capturing():
        yield
    use_session()  # so that MMEngine's loggers print as those of the commands do
    warnings.simplefilter('ignore')


def log_in_folder(work_dir: Path) -> None:
    """Create a folder, and let libraries print to ``benchmark.log`` in it."""
    work_dir.mkdir(parents=True, exist_ok=True)
    log_in(work_dir / LOG)
