"""Results of ``better_gala.py``: one file, in which each finished run is an entry."""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmgala.analysis.comparison_folders import SCORES, read_run_state
from mmgala.analysis.differences import Differences
from mmgala.analysis.intervals import simultaneous
from mmgala.analysis.rows import Row, is_balanced
from mmgala.comparison.results import evaluate
from mmgala.functional import rebalance
from mmgala.utils.environment import describe_devices, describe_machine
from mmgala.utils.files import write_json

RESULTS = Path(__file__).resolve().parent / 'results' / 'better_gala.json'
IDENTITY = ('set', 'method', 'seed', 'epochs')
SHOWN = ('top1', 'class_mean', 'many', 'medium', 'few', 'worst_class', 'ece')
# What is done to the scores, by the suffix of the metrics.
STEPS = {
    '': 'unchanged scores',
    '_rebalanced': 're-balanced with tau 1, for equally frequent classes',
    '_training_prior': 're-balanced with tau 1, for the prior of the training set',
}


def read_results(path: Path) -> dict[str, Any]:
    """All results so far: ``runs``, and the ``targets`` of each validation set."""
    if not path.is_file():
        return {'runs': [], 'targets': {}}
    return json.loads(path.read_text())


def find_run(
    results: Mapping[str, Any], identity: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The stored run with this identity, if any; digest and commit do not count."""
    wanted = {name: identity[name] for name in IDENTITY}
    for run in results['runs']:
        if {name: run[name] for name in IDENTITY} == wanted:
            return run
    return None


def record_run(
    path: Path, identity: Mapping[str, Any], folder: Path, commit: str
) -> dict[str, Any]:
    """Add a finished run to the results.

    Args:
        path: of the results.
        identity: values of :data:`IDENTITY`, and ``data``, the digest of its labels.
        folder: of the run, with scores of the validation set.
        commit: of this checkout.

    Returns:
        The entry.
    """
    state = read_run_state(folder) or {}
    with np.load(folder / SCORES['val'], allow_pickle=False) as file:
        scores, targets = torch.from_numpy(file['pred_score']), file['gt_label']
        counts = file['class_counts']
    run = dict(identity) | dict(
        commit=commit, machine=describe_machine() | describe_devices()
    )
    run |= {key: state[key] for key in ('seconds', 'resumed_at') if key in state}
    run |= measured(scores, targets, counts)
    results = read_results(path)
    before = find_run(results, identity)
    results['runs'] = [*(r for r in results['runs'] if r is not before), run]
    results['targets'][identity['set']] = pack_labels(targets)
    write_json(path, results)
    return run


def measured(
    scores: torch.Tensor, targets: np.ndarray, counts: np.ndarray
) -> dict[str, Any]:
    """Metrics in percent, and which samples are classified correctly.

    Args:
        scores: softmax scores of the validation set, ``(N, C)``.
        targets: its labels, ``(N,)``.
        counts: training samples of each class, ``(C,)``.
    """
    shares = torch.from_numpy(counts / counts.sum())
    changed = {'': scores, '_rebalanced': rebalance(scores, 1.0)}
    if not is_balanced(targets):
        changed['_training_prior'] = rebalance(scores, 1.0, target_prior=shares)
    found: dict[str, Any] = {}
    for suffix, values in changed.items():
        metrics = evaluate(values.float().numpy(), targets, counts)
        found |= {f'{k}{suffix}': round(v, 3) for k, v in metrics.items() if k in SHOWN}
        found[f'correct{suffix}'] = pack(values.argmax(1).numpy() == targets)
    return found


def pack(correct: np.ndarray) -> str:
    """Bits as text."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpack(text: str, number: int) -> np.ndarray:
    """Bits from :func:`pack`, ``(number,)`` bool."""
    packed = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return np.unpackbits(packed, count=number).astype(bool)


def pack_labels(labels: np.ndarray) -> str:
    """Labels below 65,536 as text, on one line."""
    return base64.b64encode(zlib.compress(labels.astype('<u2').tobytes())).decode()


def unpack_labels(text: str) -> np.ndarray:
    """Labels from :func:`pack_labels`, ``(N,)`` int64."""
    packed = zlib.decompress(base64.b64decode(text))
    return np.frombuffer(packed, dtype='<u2').astype(np.int64)


def targets_of(results: Mapping[str, Any], name: str) -> np.ndarray:
    """Labels of the validation set of a set, ``(N,)``; none without a run."""
    packed = results['targets'].get(name)
    return unpack_labels(packed) if packed else np.zeros(0, dtype=np.int64)


def rows_of(
    results: Mapping[str, Any], name: str, suffix: str, epochs: int
) -> list[Row]:
    """One row per method of a set, over those of its seeds that all methods have.

    Args:
        results: from :func:`read_results`.
        name: of the set.
        suffix: key of :data:`STEPS`.
        epochs: of the runs.
    """
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for run in results['runs']:
        if (run['set'], run['epochs']) == (name, epochs) and f'correct{suffix}' in run:
            found.setdefault(run['method'], {})[run['seed']] = run
    number = len(targets_of(results, name))
    rows = []
    for method, runs in found.items():
        seeds = sorted(runs)
        correct = [unpack(runs[seed][f'correct{suffix}'], number) for seed in seeds]
        numbers = [_metrics(runs[seed], suffix) for seed in seeds]
        rows.append(Row(method, method, suffix, seeds, numbers, np.stack(correct)))
    return rows


def _metrics(run: Mapping[str, Any], suffix: str) -> dict[str, float]:
    return {key: run[f'{key}{suffix}'] for key in SHOWN if f'{key}{suffix}' in run}


def table(
    results: Mapping[str, Any], name: str, suffix: str, epochs: int, baseline: str
) -> Iterator[list[str]]:
    """Rows of a table, best first, with the difference from a method.

    Differences are over the seeds that a method shares with the baseline. Their
    intervals hold all together with 95 % confidence, as the best of several is looked
    for. They cover the choice of the images, and that of the seed from two seeds on.
    """
    targets = targets_of(results, name)
    rows = rows_of(results, name, suffix, epochs)
    lead = 'top1' if is_balanced(targets) else 'class_mean'
    by_name = {row.name: row for row in rows}
    for row in sorted(rows, key=lambda row: -row.mean(lead)):
        shown = [f'{row.mean(k):.1f}' if _has(row, k) else '-' for k in SHOWN]
        difference = '-'
        if baseline in by_name and row.name != baseline:
            both = sorted(set(row.seeds) & set(by_name[baseline].seeds))
            alike = [_only(each, both) for each in rows if set(both) <= set(each.seeds)]
            named = {each.name: each for each in alike}
            if both:
                difference = str(
                    Differences(alike, targets).between(
                        named[baseline], named[row.name], simultaneous(len(rows) - 1)
                    )
                )
        yield [row.name, str(len(row.seeds)), *shown, difference]


def _has(row: Row, key: str) -> bool:
    return all(key in run for run in row.runs)


def _only(row: Row, seeds: Sequence[int]) -> Row:
    """A row with some of its seeds."""
    kept = [row.seeds.index(seed) for seed in seeds]
    runs = [row.runs[i] for i in kept]
    return Row(row.name, row.method, row.post_hoc, seeds, runs, row.correct[kept])
