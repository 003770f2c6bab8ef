"""Train configs with several seeds in parallel, and store their predictions."""

import contextlib
import functools
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mmgala.comparison.processes import Report, Task, available_cores, run_tasks
from mmgala.comparison.run_progress import RunProgress
from mmgala.comparison.run_times import Work
from mmgala.comparison.worker import ProgressHook, printing_to
from mmgala.console import say
from mmgala.functional import ShotThresholds
from mmgala.utils.files import replacing

Result = TypeVar('Result')


@dataclass(frozen=True)
class Training:
    """A config with a seed.

    Attributes:
        method: name in tables, such as ``gala``.
        config: path of the config.
        seed: seed of initialisation and sampling.
        many: classes with more training images are many-shot.
        few: classes with fewer training images are few-shot.
    """

    method: str
    config: str
    seed: int
    many: int = ShotThresholds.many
    few: int = ShotThresholds.few

    @property
    def name(self) -> str:
        return f'{self.method}_seed{self.seed}'


def train_all(
    trainings: Sequence[Training], work_dir: Path
) -> dict[Training, dict[str, np.ndarray]]:
    """Train classifiers in parallel, one process per core.

    Args:
        trainings: trainings to run.
        work_dir: folder for the work dirs of the trainings, which get the input files
            of ``tools/analysis``: ``gradient_statistics/``, ``predictions.npz`` of the
            test set and a checkpoint of the last epoch.

    Returns:
        Arrays of each training; see :func:`_train`.

    Raises:
        RuntimeError: if trainings failed; the results of the others are kept.
    """
    return train_unfinished(trainings, work_dir, _train, _finished)


def train_unfinished(
    trainings: Sequence[Training],
    work_dir: Path,
    train: Callable[[Training, Path, Report], None],
    finished: Callable[[Training, Path], Result | None],
) -> dict[Training, Result]:
    """Run the trainings without a result, one single-threaded process per core.

    Args:
        trainings: trainings to run.
        work_dir: folder for the work dirs of the trainings.
        train: module-level function that is called with a training, ``work_dir`` and a
            function to report the finished fraction of the work to.
        finished: function that returns the stored result of a training with the same
            config, or None.

    Returns:
        Result of each training.

    Raises:
        RuntimeError: if trainings failed; the results of the others are kept.
    """
    todo = [one for one in trainings if finished(one, work_dir) is None]
    if len(todo) < len(trainings):
        done = len(trainings) - len(todo)
        say(f'{done} of {len(trainings)} trainings are done.')
    if todo:
        tasks = [Task(one.name, train, (one, work_dir)) for one in todo]
        works = [Work(one.name) for one in todo]
        with RunProgress(works, available_cores()) as progress:
            failed = run_tasks(tasks, available_cores(), progress, threads=1)
        if failed:
            raise RuntimeError(
                f'{len(failed)} of {len(trainings)} trainings failed: '
                f'{", ".join(failed)}. Their logs are in {work_dir}; run the command '
                'again to repeat these only.'
            )
    return {one: finished(one, work_dir) for one in trainings}  # type: ignore[misc]


def config_hash(training: Training) -> str:
    from mmengine.config import Config

    config = Config.fromfile(training.config).pretty_text
    text = f'{config}\n{training.seed, training.many, training.few}'
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def data_hash(config: str) -> str:
    """Hash of the labels and images of the data sets of a config."""
    from mmengine.config import Config

    from mmgala.comparison.data_state import data_digests

    digests = data_digests(Config.fromfile(config))
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _finished(training: Training, work_dir: Path) -> dict[str, np.ndarray] | None:
    path = work_dir / training.name / 'result.npz'
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    if str(arrays['config_hash']) != config_hash(training):
        return None
    # Results of earlier versions are kept, as they do not say what they were made from.
    data = str(arrays.get('data_hash', data_hash(training.config)))
    return arrays if data == data_hash(training.config) else None


def _train(training: Training, work_dir: Path, report: Report) -> None:
    """Train a classifier and save its ``result.npz``.

    The file contains softmax scores and labels of the validation and test set, the
    class counts, and the positive and negative gradient of each class weight vector.
    """
    folder = work_dir / training.name
    with logged_and_timed(folder) as clock:
        arrays = _train_arrays(training, folder, report)
    arrays |= dict(
        config_hash=config_hash(training),
        data_hash=data_hash(training.config),
        seconds=clock['seconds'],
    )
    with replacing(folder / 'result.npz') as unfinished:
        np.savez_compressed(unfinished, **arrays)


@contextlib.contextmanager
def logged_and_timed(folder: Path) -> Iterator[dict[str, float]]:
    """Create a folder, and redirect output and errors to its ``train.log``.

    Yields:
        A dictionary that contains ``seconds`` after the block.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / 'train.log'
    log.unlink(missing_ok=True)
    clock: dict[str, float] = {}
    start = time.perf_counter()
    with printing_to(log):
        yield clock
    clock['seconds'] = time.perf_counter() - start


def _train_arrays(training: Training, folder: Path, report: Report) -> dict[str, Any]:
    from mmengine.config import Config
    from mmengine.runner import Runner

    from mmgala.analysis import read_gradient_run
    from mmgala.engine import GradientStatisticsHook

    cfg = Config.fromfile(training.config)
    cfg.work_dir = str(folder)
    cfg.randomness = dict(seed=training.seed)
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
        matrix=True, draw_interval=0, many=training.many, few=training.few
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
