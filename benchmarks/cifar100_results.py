"""Results, logs and weights of the runs of ``cifar100_lt.py``."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from mmgala.analysis.comparison_folders import SCORES, read_run_state
from mmgala.comparison.data_state import data_digests
from mmgala.comparison.results import evaluate
from mmgala.comparison.runs import CONFIG, LOG
from mmgala.datasets.digest import text_digest
from mmgala.evaluation import TAU_GRID, TauSearch, choose_post_hoc
from mmgala.functional import rebalance
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.environment import describe_devices, describe_machine
from mmgala.utils.files import replacing, write_json, write_text

FOLDER = Path(__file__).resolve().parent / 'results' / 'cifar100_lt'
RESULTS = FOLDER.with_suffix('.json')
# Runs whose weights are published, below 2 MB each.
PUBLISHED = ('gala_if100_seed0', 'ce_if100_seed0')


def read_results() -> dict[str, Any]:
    """All results so far."""
    if not RESULTS.is_file():
        return {'runs': [], 'tau_runs': []}
    return json.loads(RESULTS.read_text())


def identity(entry: Any) -> dict[str, Any]:
    """What identifies a run; a run in the results is never repeated."""
    names = ('method', 'imbalance_factor', 'seed', 'epochs')
    return {name: getattr(entry, name) for name in names}


def labels_digest(cfg: Config) -> str:
    """Digest of classes and labels of all data sets of a config, in hexadecimal.

    Images are left out: ``tools/prepare_data.py`` checks them, and the digest of large
    files would depend on their times, so that a copy of the data repeated every run.
    """
    found = {
        split: {part: digest[part] for part in ('classes', 'labels')}
        for split, digest in data_digests(cfg).items()
    }
    return text_digest(json.dumps(found, sort_keys=True))


def is_done(entry: Any, results: dict[str, Any], data: str | None = None) -> bool:
    """Whether the results of a run are stored.

    Args:
        entry: of the queue.
        results: from :func:`read_results`.
        data: digest of the labels that it would be trained and tested on. Results on
            other labels do not count; those without a digest do.
    """
    known = results[_kind(entry)]
    return any(
        _is_of(run, entry) and (data is None or run.get('data', data) == data)
        for run in known
    )


def _kind(entry: Any) -> str:
    return 'tau_runs' if entry.chooses_tau else 'runs'


def _is_of(run: dict[str, Any], entry: Any) -> bool:
    return {**run, **identity(entry)} == run


def record_run(entry: Any, folder: Path, commit: str, data: str | None = None) -> None:
    """Add a finished run to the results, and store its config, log and weights.

    Args:
        entry: of the queue. Its results on other labels are replaced.
        folder: of the run.
        commit: of this checkout.
        data: from :func:`labels_digest`.
    """
    record = read_run_state(folder) or {}
    machine = describe_machine() | describe_devices()
    run = {**identity(entry), 'commit': commit, 'machine': machine}
    for key in ('seconds', 'resumed_at'):
        if key in record:
            run[key] = record[key]
    if data is not None:
        run['data'] = data
    results = read_results()
    numbers = chosen_tau(folder) if entry.chooses_tau else accuracies(folder)
    others = [other for other in results[_kind(entry)] if not _is_of(other, entry)]
    results[_kind(entry)] = [*others, {**run, **numbers}]
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / CONFIG, FOLDER / f'{entry.name}.py')
    write_text(FOLDER / f'{entry.name}.log', '\n'.join([*course(folder / LOG), '']))
    if entry.name in PUBLISHED:
        publish_weights(folder, FOLDER / f'{entry.name}.pth')
    # Last, since listed runs are never repeated and need all their files.
    write_json(RESULTS, results)


def course(log: Path) -> Iterator[str]:
    """Lines of a log with training losses and validation accuracies."""
    for line in log.read_text().splitlines():
        if ' - Epoch(' in line and ('top1' in line or 'lr:' in line):
            yield line


def publish_weights(folder: Path, out: Path) -> None:
    """Store a checkpoint without the state of the optimizer and schedulers."""
    record = read_run_state(folder) or {}
    name = next(name for name in record['files'] if name.endswith('.pth'))
    checkpoint = read_checkpoint(folder / name)
    meta = checkpoint.get('meta', {})
    kept = {key: meta[key] for key in ('dataset_meta', 'epoch', 'iter') if key in meta}
    with replacing(out) as unfinished:
        torch.save(dict(state_dict=checkpoint['state_dict'], meta=kept), unfinished)


def accuracies(folder: Path) -> dict[str, Any]:
    """All metrics of one run on the test images, in percent."""
    scores, targets, counts = _read_scores(folder / SCORES['test'])
    found: dict[str, Any] = {}
    for suffix, changed in (('', scores), ('_rebalanced', rebalance(scores, 1.0))):
        metrics = evaluate(changed.numpy(), targets, counts)
        found |= {f'{key}{suffix}': round(value, 3) for key, value in metrics.items()}
    hits = [(rebalance(scores, tau).argmax(1).numpy() == targets) for tau in TAU_GRID]
    # For information only; nothing is chosen by it.
    found['top1_by_tau'] = {
        f'{tau:.1f}': round(100 * float(hit.mean()), 3)
        for tau, hit in zip(TAU_GRID, hits, strict=True)
    }
    return found


def chosen_tau(folder: Path) -> dict[str, Any]:
    """Choose the strength of re-balancing on the held-out images."""
    scores, targets, _ = _read_scores(folder / SCORES['val'])
    choice = choose_post_hoc(scores, targets, rebalancing='auto')
    search = choice.searches['rebalancing']
    assert isinstance(search, TauSearch)
    return dict(
        tau=search.tau,
        held_out=len(targets),
        class_mean_by_tau={
            f'{tau:.1f}': round(accuracy, 3)
            for tau, accuracy in zip(search.taus, search.accuracies, strict=True)
        },
    )


def _read_scores(path: Path) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        scores = torch.from_numpy(file['pred_score'])
        return scores, file['gt_label'], file['class_counts']
