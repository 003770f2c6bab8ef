"""Metrics, tables and plots from the predictions of trainings."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from rich.table import Column, Table
from runs import Training

from mmgala.analysis import merge_runs, read_run, write_class_vectors
from mmgala.analysis.one_run import RunReport
from mmgala.apis.class_vectors import measure_class_vectors
from mmgala.apis.sample_images import add_sample_images
from mmgala.comparison.results import evaluate
from mmgala.console.counted import counted
from mmgala.evaluation import choose_post_hoc
from mmgala.functional import METRIC_NAMES, ShotThresholds, class_accuracies, rebalance
from mmgala.utils.files import write_text
from mmgala.utils.tables import cells_over_seeds, markdown_table
from mmgala.visualization import (
    plot_class_accuracy,
    plot_gradient_statistics,
    write_html_report,
)

COLUMNS = {key: METRIC_NAMES[key] for key in METRIC_NAMES if key != 'class_mean'}


def rebalanced(
    arrays: Mapping[str, np.ndarray], tau: float | None
) -> tuple[np.ndarray, float]:
    """Re-balanced test scores, and tau, chosen on the validation set if None."""
    if tau is None:
        choice = choose_post_hoc(
            arrays['val_scores'], arrays['val_targets'], rebalancing='auto'
        )
        tau = choice.steps.strengths['rebalancing']
    return rebalance(torch.from_numpy(arrays['test_scores']), tau).numpy(), tau


def class_accuracy(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Accuracy of each class in percent, ``(C,)``."""
    labels = torch.from_numpy(targets)
    correct = torch.from_numpy(scores.argmax(axis=1)) == labels
    return class_accuracies(correct, labels, scores.shape[1]).numpy()


def evaluate_runs(
    results: Mapping[Training, Mapping[str, np.ndarray]],
    thresholds: ShotThresholds | None = None,
) -> tuple[dict[str, list[dict]], dict[str, np.ndarray]]:
    """Metrics of each run, raw and re-balanced with tau from its validation set.

    Returns:
        Runs of each row, ``{'CE': [...], 'CE + re-balancing': [...], ...}``, and their
        class accuracies, ``(runs, C)`` each.
    """
    rows: dict[str, list[dict]] = {}
    accuracies: dict[str, list[np.ndarray]] = {}
    for training, arrays in sorted(results.items(), key=lambda item: item[0].method):
        targets = arrays['test_targets']
        new_scores, tau = rebalanced(arrays, tau=None)
        for row, scores, strength in (
            (training.method, arrays['test_scores'], 0.0),
            (f'{training.method} + re-balancing', new_scores, tau),
        ):
            metrics = evaluate(scores, targets, arrays['class_counts'], thresholds)
            rows.setdefault(row, []).append(
                dict(seed=training.seed, tau=strength, **metrics)
            )
            accuracies.setdefault(row, []).append(class_accuracy(scores, targets))
    return rows, {row: np.stack(runs) for row, runs in accuracies.items()}


def draw(
    folder: Path,
    name: str,
    results: Mapping[Training, Mapping[str, np.ndarray]],
    accuracies: Mapping[str, np.ndarray],
) -> list[Path]:
    """Plot class accuracies and gradient statistics; return the paths."""
    theta: dict[str, list] = {}
    ratio: dict[str, list] = {}
    for training, arrays in sorted(results.items(), key=lambda item: item[0].method):
        positive, negative = arrays['positive_gradient'], arrays['negative_gradient']
        theta.setdefault(training.method, []).append(positive)
        ratio.setdefault(training.method, []).append(positive / negative)
        counts = arrays['class_counts']
    paths = [folder / 'class_accuracy.png', folder / 'gradient_statistics.png']
    plot_class_accuracy(
        counts,
        accuracies,
        paths[0],
        f'{name}: training images and test accuracy of each class',
    )
    plot_gradient_statistics(
        counts,
        {method: np.stack(runs) for method, runs in theta.items()},
        {method: np.stack(runs) for method, runs in ratio.items()},
        paths[1],
        f'{name}: gradients of each class weight vector over the whole training',
    )
    return paths


def write_page(
    path: Path,
    title: str,
    results: Mapping[Training, Mapping[str, np.ndarray]],
    work_dir: Path,
) -> None:
    """Write an HTML report on all runs, each re-balanced with the tau chosen for it.

    The class weight vectors of each run are measured on the test images first.
    """
    runs = []
    with counted('class weight vectors', len(results)) as done:
        for training in sorted(results, key=lambda one: one.method):
            tau = rebalanced(results[training], tau=None)[1]
            runs.append(_read_with_vectors(training, work_dir, tau))
            done()
    report = merge_runs(runs, title)
    write_text(path.with_suffix('.json'), json.dumps(report, allow_nan=False))
    add_sample_images(report, runs)
    write_html_report(report, path)


def _read_with_vectors(training: Training, work_dir: Path, tau: float) -> RunReport:
    """What the report shows of a run, with its class weight vectors measured."""
    folder = work_dir / training.name
    thresholds = ShotThresholds(training.many, training.few)
    cfg = Config.fromfile(training.config)
    checkpoint = folder / f'epoch_{cfg.train_cfg.max_epochs}.pth'
    vectors = measure_class_vectors(cfg, checkpoint, thresholds=thresholds)
    write_class_vectors(folder / 'class_vectors.json', vectors)
    name = f'{training.method}, seed {training.seed}'
    return read_run(folder, name, thresholds, tau)


def table(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> Table:
    """Table of mean ± standard deviation, one row per method."""
    result = Table('', *(Column(name, justify='right') for name in COLUMNS.values()))
    for name, runs in rows.items():
        result.add_row(name, *cells_over_seeds(runs, COLUMNS))
    return result


def markdown(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """The same table in Markdown."""
    body = [[name, *cells_over_seeds(runs, COLUMNS)] for name, runs in rows.items()]
    return markdown_table(['', *COLUMNS.values()], body)
