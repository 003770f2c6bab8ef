"""One run of a comparison: its config, its folder and its state on disk."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmgala.analysis.comparison_folders import SCORES, STATE, read_run_state
from mmgala.datasets.digest import array_digest, changed_parts
from mmgala.utils.arrays import read_npz
from mmgala.utils.files import LOCK, UNFINISHED, write_json

CONFIG = 'config.py'
LOG = 'train.log'
# Settings on the location or progress of a run, which do not change its results.
IGNORED_SETTINGS = ('work_dir', 'resume', 'experiment_name')


@dataclass(frozen=True)
class Run:
    """One method with one seed.

    Attributes:
        method: name of its method in tables.
        seed: seed of initialisation, sampling and augmentation.
        folder: folder of its files, which no other run uses.
        cfg: its exact config.
        start: run whose model it starts from, and which must finish first.
        retraining: options for re-training the classifier of ``start``; None if the
            run trains a whole model.
        requested: whether it is a row of the table, or only the start of other runs.
        data: digests of the present data sets, by split; see
            :func:`mmgala.datasets.dataset_digest`. None if they are unknown.
    """

    method: str
    seed: int
    folder: Path
    cfg: Config
    start: 'Run | None' = None
    retraining: Mapping[str, Any] | None = None
    requested: bool = True
    data: Mapping[str, Mapping[str, str]] | None = None

    @property
    def name(self) -> str:
        """Name in messages."""
        return f'{self.method}, seed {self.seed}'

    @property
    def settings(self) -> dict[str, str]:
        """All settings as text, by their dotted names."""
        settings = flatten(self.cfg.to_dict())
        for place in IGNORED_SETTINGS:
            settings.pop(place, None)
        settings |= flatten(dict(self.retraining or {}), 'retraining')
        if self.start is not None:
            settings['start'] = self.start.hash
        return settings

    @cached_property
    def hash(self) -> str:
        """Hash of all settings, and of those of the run that it starts from."""
        text = json.dumps(self.settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def finished(self) -> bool:
        """Whether it has finished with exactly these settings and data."""
        return self.has_finished and not self.changed_data

    @property
    def has_finished(self) -> bool:
        """Whether it has finished with exactly these settings, on any data."""
        state = read_run_state(self.folder)
        return (
            state is not None
            and state.get('status') == 'finished'
            and state.get('hash') == self.hash
            and all((self.folder / name).is_file() for name in state['files'])
        )

    @property
    def changed_data(self) -> dict[str, str]:
        """What has changed in each data set since it was started, in words, by split.

        A run that an earlier version stored without digests is compared by what it has:
        the labels in its scores of the validation and test set, and the class counts of
        the training set. Whether its images have changed is unknown. They count as
        unchanged, as repeating all trainings for nothing would cost more than it helps.

        It is empty if nothing has changed, the run has not been started, or the present
        data are unknown.
        """
        state = read_run_state(self.folder)
        if state is None or self.data is None:
            return {}
        if state.get('data') is not None:
            return changed_parts(state['data'], self.data)
        return _changed_labels(self.folder, self.data)


def flatten(value: Any, name: str = '') -> dict[str, str]:
    """Nested settings as dotted names with text.

    Examples:
        >>> flatten(dict(model=dict(depth=18, strides=(1, 2))))
        {'model.depth': '18', 'model.strides.0': '1', 'model.strides.1': '2'}
    """
    items: Any
    if isinstance(value, Mapping) and value:
        items = value.items()
    elif isinstance(value, list | tuple) and value:
        items = enumerate(value)
    elif isinstance(value, type) or callable(value):
        return {name: f'{value.__module__}.{value.__qualname__}'}
    else:
        return {name: repr(value)}
    found: dict[str, str] = {}
    for key, entry in items:
        found |= flatten(entry, f'{name}.{key}' if name else str(key))
    return found


def _changed_labels(
    folder: Path, now: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Changes of labels since the scores in a run's folder were computed."""
    changed = {}
    for split, name in SCORES.items():
        if not (folder / name).is_file() or split not in now:
            continue
        stored = read_npz(folder / name, ('gt_label', 'class_counts'))
        if array_digest(stored['gt_label']) != now[split]['labels']:
            changed[split] = 'labels'
        counts = stored.get('class_counts')
        if counts is not None and array_digest(counts) != now['train']['counts']:
            changed['train'] = 'class counts'
    return changed


def write_run_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Store the state of a run: status, config hash, settings and files."""
    write_json(folder / STATE, state)


def check_folder(run: Run) -> None:
    """Check that a run's folder is free, or holds the same run.

    Raises:
        FileExistsError: if it holds a run of another config, or other files.
    """
    state = read_run_state(run.folder)
    if state is None:
        found = sorted(
            p.name
            for p in _entries(run.folder)
            if p.suffix != UNFINISHED and p.name != LOCK
        )
        if found and not (run.folder / STATE).is_file():
            raise FileExistsError(
                f'{run.folder} holds other files ({found[0]}): choose '
                'another --work-dir.'
            )
        return
    if state.get('hash') != run.hash:
        raise FileExistsError(
            f'{run.folder} belongs to another config ({_difference(state, run)}): '
            'choose another --work-dir, or remove that folder to run it again.'
        )


def holds_runs(work_dir: Path) -> bool:
    """Whether a folder contains runs of a comparison."""
    return any(work_dir.glob(f'*/seed*/{STATE}'))


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _difference(state: Mapping[str, Any], run: Run) -> str:
    """The first setting that differs, and how many others do."""
    old, new = state.get('settings') or {}, run.settings
    names = [n for n in {**new, **old} if old.get(n) != new.get(n)]
    if not names:
        return f'its {STATE} lists no settings'
    first = names[0]
    text = (
        f'{first} is {old.get(first, "not set")} there, {new.get(first, "not set")} now'
    )
    others = len(names) - 1
    return f'{text}; {others} other settings differ' if others else text
