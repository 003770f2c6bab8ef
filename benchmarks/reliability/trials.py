"""Trials, how they are run, and how their results are counted."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmgala.utils.environment import installed_versions


@dataclass(frozen=True)
class Outcome:
    """What was seen in a trial.

    Attributes:
        ok: whether it is what was expected.
        seen: what happened, in a line.
        fault: kind of fault to count if it is not ok, such as ``'traceback'``.
        seconds: time to report, such as from a signal to the end of the process.
    """

    ok: bool
    seen: str
    fault: str = ''
    seconds: float | None = None


@dataclass(frozen=True)
class Trial:
    """One thing to try.

    Attributes:
        name: unique within its part.
        expected: what should happen, in a line.
        run: tries it; called with an empty folder of its own, removed afterwards. An
            exception counts as a failure, of the kind ``'error of the trial'``.
        group: trials of one group are counted together.
    """

    name: str
    expected: str
    run: Callable[[Path], Outcome]
    group: str = 'all'


@dataclass(frozen=True)
class Part:
    """A part of the campaign.

    Attributes:
        title: description for tables.
        plan: returns the trials; called with a folder that all of them may read.
    """

    title: str
    plan: Callable[[Path], Sequence[Trial]]


@dataclass
class Record:
    """Results of the trials so far."""

    outcomes: list[tuple[Trial, Outcome]] = field(default_factory=list)

    def add(self, trial: Trial, outcome: Outcome) -> None:
        """Add a result."""
        self.outcomes.append((trial, outcome))

    @property
    def failed(self) -> list[tuple[Trial, Outcome]]:
        """What was not as expected, by name."""
        failed = [pair for pair in self.outcomes if not pair[1].ok]
        return sorted(failed, key=lambda pair: pair[0].name)

    def summary(self, seconds: float) -> dict[str, Any]:
        """Counts, and every failure in full, as plain data."""
        groups: dict[str, dict[str, Any]] = {}
        for trial, outcome in self.outcomes:
            group = groups.setdefault(trial.group, dict(trials=0, ok=0))
            group['trials'] += 1
            group['ok'] += outcome.ok
            if outcome.seconds is not None:
                slowest = max(group.get('slowest', 0.0), outcome.seconds)
                group['slowest'] = round(slowest, 2)
        return dict(
            date=time.strftime('%Y-%m-%d'),
            seconds=round(seconds),
            versions=installed_versions('onedl-mmdetection'),
            trials=len(self.outcomes),
            ok=len(self.outcomes) - len(self.failed),
            faults=dict(Counter(o.fault or 'other' for _, o in self.failed)),
            groups=dict(sorted(groups.items())),
            failed=[
                dict(name=t.name, expected=t.expected, seen=o.seen, fault=o.fault)
                for t, o in self.failed
            ],
        )


def run_trials(
    trials: Sequence[Trial], folder: Path, jobs: int = 1
) -> Iterator[tuple[Trial, Outcome]]:
    """Run trials, several at a time, and yield each result when it is there.

    Raises:
        ValueError: if two trials have one name.
    """
    if repeated := [n for n, k in Counter(t.name for t in trials).items() if k > 1]:
        raise ValueError(f'Two trials are called {repeated[0]!r}.')
    with ThreadPoolExecutor(jobs) as pool:
        pending = {pool.submit(_run, trial, folder): trial for trial in trials}
        try:
            for future in as_completed(pending):
                yield pending[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _run(trial: Trial, folder: Path) -> Outcome:
    with _own_folder(folder) as own:
        try:
            return trial.run(own)
        except Exception as error:
            seen = f'{type(error).__name__}: {error}'
            return Outcome(False, seen, 'error of the trial')


@contextmanager
def _own_folder(parent: Path) -> Iterator[Path]:
    own = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield own
    finally:
        # Folders may be read-only, and processes that outlive a trial may still write.
        for path in (own, *own.rglob('*')):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(own, ignore_errors=True)
