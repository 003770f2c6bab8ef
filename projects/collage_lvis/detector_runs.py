"""Train detectors in parallel, one thread each, and store their metrics."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.runs import Training, config_hash, logged_and_timed, train_unfinished
from mmgala.comparison.processes import Report
from mmgala.comparison.worker import ProgressHook
from mmgala.utils.files import write_text

METRICS = ('AP', 'AP50', 'APr', 'APc', 'APf')


def train_detectors(
    trainings: Sequence[Training], work_dir: Path
) -> dict[Training, dict[str, Any]]:
    """Train detectors, one process per core.

    Trainings that are finished with the same config and data are not repeated.

    Args:
        trainings: trainings to run.
        work_dir: folder for the work dirs of the trainings, which get the checkpoint of
            the last epoch, ``test.bbox.json`` with all detections, and ``result.json``.

    Returns:
        For each training, ``seconds`` and the metrics of ``val`` and ``test``.

    Raises:
        RuntimeError: if trainings failed; the results of the others are kept.
    """
    return train_unfinished(trainings, work_dir, _train, _finished)


def _hash(training: Training) -> str:
    """Hash of the config, the seed and the annotations."""
    from mmengine.config import Config

    digest = hashlib.sha256(config_hash(training).encode())
    root = Path(Config.fromfile(training.config).train_dataloader.dataset.data_root)
    for path in sorted((root / 'annotations').glob('*.json')):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _finished(training: Training, work_dir: Path) -> dict[str, Any] | None:
    path = work_dir / training.name / 'result.json'
    if not path.is_file():
        return None
    result = json.loads(path.read_text())
    return result if result['hash'] == _hash(training) else None


def _train(training: Training, work_dir: Path, report: Report) -> None:
    """Train one detector and write its ``result.json``."""
    folder = work_dir / training.name
    with logged_and_timed(folder) as clock:
        metrics = _train_and_evaluate(training, folder, report)
    result = dict(hash=_hash(training), **clock, **metrics)
    write_text(folder / 'result.json', json.dumps(result, indent=1))


def _train_and_evaluate(
    training: Training, folder: Path, report: Report
) -> dict[str, dict[str, float]]:
    """Metrics of ``val`` and ``test`` after the last epoch."""
    from mmengine.config import Config
    from mmengine.runner import Runner

    cfg = Config.fromfile(training.config)
    cfg.work_dir = str(folder)
    cfg.experiment_name = training.name
    cfg.randomness = dict(seed=training.seed)
    cfg.train_cfg.val_begin = cfg.train_cfg.max_epochs + 1  # it is evaluated below
    cfg.default_hooks.checkpoint.save_optimizer = False
    cfg.test_evaluator.outfile_prefix = str(folder / 'test')
    runner = Runner.from_cfg(cfg)
    runner.register_custom_hooks([ProgressHook(report)])
    runner.train()
    return {
        part: {key.removeprefix('lvis/'): float(v) for key, v in metrics.items()}
        for part, metrics in (('val', runner.val()), ('test', runner.test()))
    }
