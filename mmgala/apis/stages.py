"""Two-stage training from one config.

A config with ``stage1 = dict(...)`` describes the second stage; the first stage is the
same config with the changes in ``stage1``. Each stage is an ordinary MMEngine training
with its own logs and checkpoints, in ``<work_dir>/stage1`` and ``<work_dir>``.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from mmgala.apis.launch import check_work_dir
from mmgala.utils.checkpoint import read_latest_checkpoint
from mmgala.utils.files import locked_folders
from mmgala.utils.ranks import launched_rank

STAGE1 = 'stage1'


@dataclass(frozen=True)
class Stage:
    """One training.

    Attributes:
        cfg: config of the stage.
        title: description to log; empty if there is only one stage.
        prefix: prefix of its settings on the command line.
    """

    cfg: Config
    title: str = ''
    prefix: str = ''


def holds_training(work_dir: str) -> bool:
    """Whether either stage has checkpoints to resume from in a work directory."""
    return any(list(Path(work_dir, name).glob('*.pth')) for name in ('', STAGE1))


@contextmanager
def training_lock(cfg: Config) -> Iterator[None]:
    """Keep other trainings out of the work directory and its stages.

    One lock is enough for all ranks: if the first one does not get it, the launcher
    ends the others.

    Raises:
        BlockingIOError: if another training or comparison is running there.
        OSError: if the directory is not writable.
    """
    if launched_rank() != 0:
        yield
        return
    folders = [Path(cfg.work_dir)]
    skips_stage1 = cfg.get('load_from') and not cfg.get('resume')
    if cfg.get(STAGE1) is not None and not skips_stage1:
        folders.append(folders[0] / STAGE1)
    with locked_folders(*folders):
        yield


def plan_stages(cfg: Config) -> list[Stage]:
    """List the stages that remain to run, in order.

    * A new training runs both stages.
    * With ``load_from``, the checkpoint of a representation, stage 1 is skipped.
    * With ``resume``, training continues from the latest checkpoint in the work
      directory, or in the stage that the given checkpoint belongs to.

    Args:
        cfg: config, with ``work_dir``, ``resume`` and ``load_from`` from the command
            line.

    Raises:
        FileExistsError: if a new training, or stage 2 after a resumed stage 1, would
            start in a directory with checkpoints.
        TypeError: if ``stage1`` is not a dict.
        ValueError: if there are checkpoints to resume from, but none can be read.
    """
    if cfg.get(STAGE1) is None:
        if not cfg.get('resume'):
            check_work_dir(cfg.work_dir)
        return [Stage(cfg)]
    first, second = _split(cfg)
    if cfg.get('resume'):
        return _plan_resumed(first, second)
    check_work_dir(cfg.work_dir)
    if cfg.get('load_from'):
        return [second]
    check_work_dir(first.cfg.work_dir)
    return [first, second]


def trains_by_epoch(cfg: Config) -> bool:
    """Whether the length of a training is set in epochs rather than iterations."""
    return cfg.train_cfg.get('max_epochs') is not None


def start_from(stage: Stage, previous: Stage) -> None:
    """Let a stage start from the last checkpoint of the previous one.

    Raises:
        FileNotFoundError: if the previous stage left no checkpoint.
    """
    latest = read_latest_checkpoint(previous.cfg.work_dir)
    if latest is None:
        raise FileNotFoundError(
            f'{previous.cfg.work_dir} contains no checkpoint for the next stage to '
            'start from: let default_hooks.checkpoint save one.'
        )
    stage.cfg.load_from = latest[0]
    stage.cfg.resume = False


def _split(cfg: Config) -> tuple[Stage, Stage]:
    if not isinstance(cfg[STAGE1], dict):
        raise TypeError(
            f'Expected {STAGE1} to be a dict of changes to the config, but got '
            f'{type(cfg[STAGE1]).__name__}.'
        )
    # Deep copies, as merging removes _delete_ from the changes.
    second, first = copy.deepcopy(cfg), copy.deepcopy(cfg)
    second.pop(STAGE1)
    changes = first.pop(STAGE1)
    first.merge_from_dict(changes)
    first.work_dir = str(Path(cfg.work_dir) / STAGE1)
    if cfg.get('experiment_name'):
        first.experiment_name = f'{cfg.experiment_name}_{STAGE1}'
    return (
        Stage(
            first, f'Stage 1 of 2, representation, in {first.work_dir}', f'{STAGE1}.'
        ),
        Stage(second, f'Stage 2 of 2, classifier, in {second.work_dir}'),
    )


def _plan_resumed(first: Stage, second: Stage) -> list[Stage]:
    checkpoint = second.cfg.get('load_from')
    if checkpoint:
        folder = Path(checkpoint).resolve().parent
        if folder != Path(first.cfg.work_dir).resolve():
            return [second]
        check_work_dir(second.cfg.work_dir)
        first.cfg.load_from = checkpoint
        return [first, second]
    if read_latest_checkpoint(second.cfg.work_dir) is not None:
        return [second]
    latest = read_latest_checkpoint(first.cfg.work_dir)
    if latest is None:  # a new training, possibly with load_from of stage 1
        first.cfg.resume = False
    elif _is_finished(latest[1], first.cfg):
        second.cfg.resume = False
        second.cfg.load_from = latest[0]
        return [second]
    else:
        first.cfg.load_from = None
    return [first, second]


def _is_finished(checkpoint: dict, cfg: Config) -> bool:
    meta = checkpoint.get('meta', {})
    if trains_by_epoch(cfg):
        return meta.get('epoch', 0) >= cfg.train_cfg.max_epochs
    return meta.get('iter', 0) >= cfg.train_cfg.get('max_iters', float('inf'))
