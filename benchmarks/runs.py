"""Train configs over several seeds side by side, and keep what they predict."""

import contextlib
import hashlib
import importlib.metadata
import multiprocessing
import os
import platform
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

CONSOLE = Console(width=None if sys.stdout.isatty() else 110)
VERSIONED = ('torch', 'torchvision', 'numpy', 'onedl-mmengine', 'onedl-mmpretrain')


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


def describe_machine() -> dict[str, Any]:
    """Processor, cores and versions, for the record."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                model = line.split(':')[1].strip()
                break
    versions = {name: importlib.metadata.version(name) for name in VERSIONED}
    return dict(
        cpu=model,
        cores=os.cpu_count(),
        python=platform.python_version(),
        versions=versions,
    )


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
    todo: Sequence[Job], work_dir: Path, train: Callable[[Job, Path, Any], float]
) -> list[str]:
    """Train jobs, one process a core, one thread each, with progress.

    Args:
        todo: what to train.
        work_dir: each job gets a folder of its name here.
        train: a function of a module, called with job, ``work_dir`` and a queue that
            takes ``(job.name, max_epochs)`` after each epoch; returns seconds.

    Returns:
        Names of the jobs that failed.
    """
    if not todo:
        return []
    os.environ['OMP_NUM_THREADS'] = '1'  # before the workers import their libraries
    context = multiprocessing.get_context('spawn')
    with context.Manager() as manager, _progress() as progress:
        epochs = manager.Queue()
        bar = progress.add_task('starting', total=None)
        workers = min(len(todo), os.cpu_count() or 1)
        with ProcessPoolExecutor(workers, context, _begin_worker) as pool:
            futures = {pool.submit(train, j, work_dir, epochs): j for j in todo}
            return _follow(futures, epochs, progress, bar)


def _follow(
    futures: dict[Future, Job], epochs: Any, progress: Progress, bar: Any
) -> list[str]:
    """Show progress until all futures are done; names of the failed."""
    pending, failed, done = set(futures), [], 0
    while pending:
        with contextlib.suppress(Empty):
            while True:
                name, max_epochs = epochs.get(timeout=0.3)
                done += 1
                total = max_epochs * len(futures)
                progress.update(bar, completed=done, total=total, description=name)
        finished, pending = wait(pending, timeout=0)
        for future in finished:
            job = futures[future]
            if future.exception() is not None:
                failed.append(job.name)
                progress.console.print(f'[red]{job.name} failed: {future.exception()}')
            else:
                progress.console.print(f'{job.name}: {future.result():.0f} s')
    return failed


def _progress() -> Progress:
    return Progress(
        TextColumn('{task.description:>16}'),
        BarColumn(),
        TextColumn('{task.completed:.0f} of {task.total} epochs'),
        TimeRemainingColumn(),
        console=CONSOLE,
    )


def _begin_worker() -> None:
    """One thread a process, no import-time messages, no life beyond the parent's."""
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()

    torch.set_num_threads(1)
    warnings.simplefilter('ignore')


def _end_with_parent() -> None:
    """A killed benchmark would leave workers that train on, beside the next one's."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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


def _train(job: Job, work_dir: Path, epochs: Any) -> float:
    """Train one job and save its ``result.npz``; seconds that it took.

    The file holds softmax scores and labels of validation and test set, the class
    counts, and the positive and negative gradient of each class vector.
    """
    folder = work_dir / job.name
    with logged_and_timed(folder) as clock:
        arrays = _train_arrays(job, folder, epochs)
    partial = folder / 'partial.npz'
    np.savez_compressed(
        partial,
        config_hash=config_hash(job),
        seconds=clock['seconds'],
        **arrays,
    )
    os.replace(partial, folder / 'result.npz')
    return clock['seconds']


@contextlib.contextmanager
def logged_and_timed(folder: Path) -> Iterator[dict[str, float]]:
    """Make a folder with a ``train.log`` of what is printed, errors too.

    Yields:
        A dictionary that holds ``seconds`` once it is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clock: dict[str, float] = {}
    start = time.perf_counter()
    with (
        open(folder / 'train.log', 'w') as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        try:
            yield clock
        except Exception:
            traceback.print_exc()
            raise
    clock['seconds'] = time.perf_counter() - start


def _train_arrays(job: Job, folder: Path, epochs: Any) -> dict[str, Any]:
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    class EpochCounter(Hook):
        def after_train_epoch(self, runner: Runner) -> None:
            epochs.put((job.name, runner.max_epochs))

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
    runner.register_custom_hooks([statistics, EpochCounter()])
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
