"""Whether the data of a run have changed since it was trained and tested."""

import copy
import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmgala.analysis.comparison_folders import STATE
from mmgala.comparison.config import needs_validation
from mmgala.comparison.runs import Run
from mmgala.datasets import dataset_digest
from mmgala.utils.files import LOCK

SPLITS = {
    'train': 'training set',
    'val': 'validation set',
    'test': 'test set',
}
OUTDATED = 'outdated'  # begins the names of folders of runs on earlier data


def data_digests(cfg: Config) -> dict[str, dict[str, str]]:
    """Digests of the data sets of a config, as plain data by split.

    Raises:
        OSError: if a data set cannot be read.
        ValueError: likewise, or if its labels are invalid.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    digests = {}
    for split in SPLITS:
        loader = cfg.get(f'{split}_dataloader')
        if loader is not None:
            dataset = DATASETS.build(copy.deepcopy(loader.dataset))
            digests[split] = dataset_digest(dataset).as_dict()
    return digests


def must_train_again(run: Run) -> bool:
    """Whether the training of a run depends on data that have changed.

    The validation set matters if it selects the epoch, steers the training, or takes
    part in re-training a classifier.
    """
    changed = run.changed_data
    if 'val' in changed and 'train' not in changed:
        checkpoint = run.cfg.default_hooks.checkpoint
        selects = needs_validation(run.cfg) or checkpoint.get('save_best') is not None
        return selects or run.start is not None
    return 'train' in changed


def set_aside(folder: Path) -> Path:
    """Move the files of a run on earlier data to a new folder, so that nothing is lost.

    The state is moved last, so that an interrupted move is continued. The lock stays.

    Returns:
        The new folder, next to the old one.
    """
    number = 1
    while (kept := folder.with_name(f'{OUTDATED}-{number}-{folder.name}')).exists():
        number += 1
    kept.mkdir()
    entries = [path for path in folder.iterdir() if path.name != LOCK]
    for path in sorted(entries, key=lambda path: path.name == STATE):
        os.rename(path, kept / path.name)
    return kept


def describe_changes(runs: Sequence[Run], repeated: bool = True) -> list[str]:
    """A line for each kind of change: what has changed, and what becomes of the runs.

    Args:
        runs: of a plan.
        repeated: whether outdated runs are repeated, or only left out of the report.
    """
    affected: dict[tuple[str, bool], list[str]] = {}
    for run in runs:
        if changed := run.changed_data:
            what = ', '.join(f'{w} of the {SPLITS[s]}' for s, w in changed.items())
            affected.setdefault((what, must_train_again(run)), []).append(run.name)
    lines = []
    for (what, again), names in affected.items():
        if not repeated:
            end = 'Left out; run this without --only-report to repeat'
        elif again:
            end = f'Trained again, with the earlier folder kept as {OUTDATED}-N-seedK'
        else:
            end = 'Tested again'
        shown = ', '.join(names[:2])
        others = f' and {len(names) - 2} others' if len(names) > 2 else ''
        lines.append(f'The data have changed ({what}). {end}: {shown}{others}.')
    return lines
