"""Train configs over several seeds side by side, and keep what they predict."""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.comparison.processes import Task, available_cores, run_tasks
from mmgala.comparison.run_progress import CONSOLE, RunProgress
from mmgala.comparison.worker import ProgressHook, printing_to
from mmgala.utils.environment import describe_machine

__all__ = ['CONSOLE', 'describe_machine']  # for the other benchmarks


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        method: name in tables, like ``gala``.
        config: config file.
        seed: of initialisation and sampling.
        many: classes with more training images are many-shot.
        few: classes with fewer training images are few-shot.
    """

    method: str
    config: str
    seed: int
    many: int = 100
    few: int = 20

    @property
    def name(self) -> str:
        return f'{self.method}_seed{self.seed}'


def train_all(jobs: Sequence[Job], work_dir: Path) -> dict[Job, dict[str, np.ndarray]]:
    """Train all jobs, one process a core, with progress.

    A job that was finished before with the same config is not repeated.

    Args:
        jobs: what to train.
        work_dir: each job gets a folder of its name here, with what the tools of
            ``tools/analysis`` read: ``gradient_statistics/``, ``predictions.npz`` of
            the test set and a checkpoint of the last epoch.

    Returns:
        Arrays of each job; see :func:`_train`.

    Raises:
        RuntimeError: if jobs failed; the others are finished and kept.
    """
    results = {job: _finished(job, work_dir) for job in jobs}
    todo = [job for job, arrays in results.items() if arrays is None]
    if len(todo) < len(jobs):
        CONSOLE.print(f'{len(jobs) - len(todo)} of {len(jobs)} trainings are done.')
    failed = train_side_by_side(todo, work_dir, _train)
    if failed:
        raise RuntimeError(describe_failures(failed, len(jobs), work_dir))
    return {job: _finished(job, work_dir) for job in jobs}  # type: ignore[misc]


def describe_failures(failed: Sequence[str], num_jobs: int, work_dir: Path) -> str:
    """What to tell of trainings that failed."""
    return (
        f'{len(failed)} of {num_jobs} trainings failed: {", ".join(failed)}. Their '
        f'logs are in {work_dir}; run the command again to repeat these only.'
    )


def train_side_by_side(
    todo: Sequence[Job],
    work_dir: Path,
    train: Callable[[Job, Path, Callable[[float], None]], None],
) -> list[str]:
    """Train jobs, one process a core, one thread each, with progress.

    Args:
        todo: what to train.
        work_dir: each job gets a folder of its name here.
        train: a function of a module, called with job, ``work_dir`` and a function
            that takes the share of the work that is done.

    Returns:
        Names of the jobs that failed.
    """
    if not todo:
        return []
    tasks = [Task(job.name, train, (job, work_dir)) for job in todo]
    with RunProgress(len(todo)) as progress:
        return list(run_tasks(tasks, available_cores(), progress, threads=1))


def config_hash(job: Job) -> str:
    from mmengine.config import Config

    text = f'{Config.fromfile(job.config).pretty_text}\n{job.seed, job.many, job.few}'
    return hashlib.sha256(text.encode()).hexdigest()


def _finished(job: Job, work_dir: Path) -> dict[str, np.ndarray] | None:
    path = work_dir / job.name / 'result.npz'
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    same = str(arrays['config_hash']) == config_hash(job)
    return arrays if same else None


def _train(job: Job, work_dir: Path, report: Callable[[float], None]) -> None:
    """Train one job and save its ``result.npz``.

    The file holds softmax scores and labels of validation and test set, the class
    counts, and the positive and negative gradient of each class vector.
    """
    folder = work_dir / job.name
    with logged_and_timed(folder) as clock:
        arrays = _train_arrays(job, folder, report)
    partial = folder / 'partial.npz'
    np.savez_compressed(
        partial,
        config_hash=config_hash(job),
        seconds=clock['seconds'],
        **arrays,
    )
    os.replace(partial, folder / 'result.npz')


@contextlib.contextmanager
def logged_and_timed(folder: Path) -> Iterator[dict[str, float]]:
    """Make a folder with a ``train.log`` of what is printed, errors too.

    Yields:
        A dictionary that holds ``seconds`` once it is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / 'train.log'
    log.unlink(missing_ok=True)
    clock: dict[str, float] = {}
    start = time.perf_counter()
    with printing_to(log):
        yield clock
    clock['seconds'] = time.perf_counter() - start


def _train_arrays(
    job: Job, folder: Path, report: Callable[[float], None]
) -> dict[str, Any]:
    from mmengine.config import Config
    from mmengine.runner import Runner

    from mmgala.analysis import read_gradient_run
    from mmgala.engine import GradientStatisticsHook

    cfg = Config.fromfile(job.config)
    cfg.work_dir = str(folder)
    cfg.randomness = dict(seed=job.seed)
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=cfg.train_cfg.max_epochs, save_optimizer=False
    )
    cfg.visualizer = None
    cfg.train_cfg.val_begin = cfg.train_cfg.max_epochs  # the last epoch counts
    cfg.val_evaluator = dict(type='mmgala.ScoreDump')
    cfg.test_evaluator = dict(
        type='mmgala.ScoreDump', out_file_path=str(folder / 'predictions.npz')
    )
    runner = Runner.from_cfg(cfg)
    statistics = GradientStatisticsHook(
        matrix=True, draw_interval=0, many=job.many, few=job.few
    )
    runner.register_custom_hooks([statistics, ProgressHook(report)])
    runner.train()
    runner.test()
    gradients = read_gradient_run(folder)[-1].total
    arrays = dict(
        class_counts=runner.train_dataloader.dataset.metainfo['class_counts'],
        positive_gradient=gradients.pos_grad,
        negative_gradient=gradients.neg_grad,
    )
    for split in ('val', 'test'):
        dump = getattr(runner, f'{split}_evaluator').metrics[0]
        arrays[f'{split}_scores'] = dump.scores
        arrays[f'{split}_targets'] = dump.targets
    return arrays
