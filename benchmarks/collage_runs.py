"""Train detectors side by side, one thread each, and keep their figures."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runs import (
    CONSOLE,
    Job,
    config_hash,
    describe_failures,
    logged_and_timed,
    train_side_by_side,
)

from mmgala.comparison.worker import ProgressHook

METRICS = ('AP', 'AP50', 'APr', 'APc', 'APf')


def train_all(jobs: Sequence[Job], work_dir: Path) -> dict[Job, dict[str, Any]]:
    """Train all jobs, one process a core, with progress.

    A job that was finished before with the same config is not repeated.

    Args:
        jobs: what to train.
        work_dir: each job gets a folder of its name here, with its checkpoint of the
            last epoch, ``test.bbox.json`` of all detections, and ``result.json``.

    Returns:
        Of each job: ``seconds``, and the metrics of ``val`` and ``test`` part.

    Raises:
        RuntimeError: if jobs failed; the others are finished and kept.
    """
    todo = [job for job in jobs if _finished(job, work_dir) is None]
    if len(todo) < len(jobs):
        CONSOLE.print(f'{len(jobs) - len(todo)} of {len(jobs)} trainings are done.')
    failed = train_side_by_side(todo, work_dir, _train)
    if failed:
        raise RuntimeError(describe_failures(failed, len(jobs), work_dir))
    return {job: _finished(job, work_dir) for job in jobs}  # type: ignore[misc]


def _hash(job: Job) -> str:
    """Changes with the config, the seed and the annotated data."""
    from mmengine.config import Config

    digest = hashlib.sha256(config_hash(job).encode())
    root = Path(Config.fromfile(job.config).train_dataloader.dataset.data_root)
    for path in sorted((root / 'annotations').glob('*.json')):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _finished(job: Job, work_dir: Path) -> dict[str, Any] | None:
    path = work_dir / job.name / 'result.json'
    if not path.is_file():
        return None
    result = json.loads(path.read_text())
    return result if result['hash'] == _hash(job) else None


def _train(job: Job, work_dir: Path, report: Callable[[float], None]) -> None:
    """Train one job and write its ``result.json``."""
    folder = work_dir / job.name
    with logged_and_timed(folder) as clock:
        figures = _train_and_evaluate(job, folder, report)
    result = dict(hash=_hash(job), **clock, **figures)
    partial = folder / 'partial.json'
    partial.write_text(json.dumps(result, indent=1))
    os.replace(partial, folder / 'result.json')


def _train_and_evaluate(
    job: Job, folder: Path, report: Callable[[float], None]
) -> dict[str, dict[str, float]]:
    """Metrics of ``val`` and ``test`` after the last epoch."""
    from mmengine.config import Config
    from mmengine.runner import Runner

    cfg = Config.fromfile(job.config)
    cfg.work_dir = str(folder)
    cfg.experiment_name = job.name
    cfg.randomness = dict(seed=job.seed)
    cfg.train_cfg.val_begin = cfg.train_cfg.max_epochs + 1  # it is evaluated below
    cfg.default_hooks.checkpoint.save_optimizer = False
    cfg.test_evaluator.outfile_prefix = str(folder / 'test')
    runner = Runner.from_cfg(cfg)
    runner.register_custom_hooks([ProgressHook(report)])
    runner.train()
    return {
        part: {key.removeprefix('lvis/'): float(v) for key, v in figures.items()}
        for part, figures in (('val', runner.val()), ('test', runner.test()))
    }
