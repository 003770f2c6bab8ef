"""What GALA's theta measures: frequency and difficulty, and how early it settles.

Trains GALA on Fashion-MNIST-LT and on FashionPairs-LT, stores theta after each epoch,
and relates it to the number of training images and the error of each class. The errors
are those of balanced softmax, which only depends on class counts, on validation images
(see benchmarks/method_comparison.py). The test set is not used.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.quiet import quiet_imports

with quiet_imports():
    import numpy as np
    import torch
    from matplotlib.figure import Figure
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmengine.runner import Runner
    from mmpretrain.datasets import FashionMNIST

    from mmgala.utils.files import write_json
    from mmgala.visualization.axes import COLOURS, save_figure, set_plain_ticks

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / 'benchmarks' / 'results'
SETS = {
    'fashion-mnist-lt': 'fashion-mnist-lt_if100',
    'fashion-pairs-lt': 'fashion-pairs-lt',
}
TITLES = {
    'fashion-mnist-lt': 'Fashion-MNIST-LT, 10 classes',
    'fashion-pairs-lt': 'Fashion pairs, 100 classes',
}


class ThetaRecorder(Hook):
    """Stores theta after each epoch."""

    def __init__(self) -> None:
        self.course: list[np.ndarray] = []

    def after_train_epoch(self, runner: Runner) -> None:
        theta = runner.model.head.loss_module.pos_grad
        self.course.append(theta.cpu().numpy().copy())


def train(name: str, work_dir: Path) -> tuple[np.ndarray, np.ndarray]:
    """Theta after each epoch, ``(epochs, C)``, and class counts, ``(C,)``."""
    path = work_dir / f'{name}.npz'
    if not path.is_file():
        cfg = Config.fromfile(str(ROOT / f'configs/gala/plain-conv-net_{name}.py'))
        cfg.work_dir = str(work_dir / name)
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
        recorder = ThetaRecorder()
        runner = Runner.from_cfg(cfg)
        runner.register_hook(recorder)
        runner.train()
        counts = runner.train_dataloader.dataset.metainfo['class_counts']
        np.savez(path, theta=np.stack(recorder.course), counts=np.array(counts))
    with np.load(path, allow_pickle=False) as file:
        return file['theta'], file['counts']


def class_errors(folder: Path) -> np.ndarray:
    """Validation error of each class in percent, mean of the seeds, ``(C,)``."""
    errors = []
    for path in sorted(folder.glob('seed*/val.npz')):
        with np.load(path, allow_pickle=False) as file:
            scores, targets = file['pred_score'], file['gt_label']
        wrong = scores.argmax(axis=1) != targets
        errors.append(100 * np.bincount(targets, weights=wrong) / np.bincount(targets))
    if not errors:
        raise SystemExit(
            f'error: {folder} has no finished runs: run '
            'benchmarks/method_comparison.py first.'
        )
    return np.mean(errors, axis=0)


def explain(theta: np.ndarray, counts: np.ndarray, errors: np.ndarray) -> dict:
    """Regress log theta on log count, and on log count and log error."""
    y, x = np.log(theta), np.log(counts)
    difficulty = np.log(np.maximum(errors, errors[errors > 0].min()))
    result: dict[str, Any] = {}
    for name, columns in (('count', [x]), ('count_and_error', [x, difficulty])):
        design = np.stack([np.ones_like(x), *columns], axis=1)
        weights = np.linalg.lstsq(design, y, rcond=None)[0]
        residual = y - design @ weights
        result[name] = dict(
            exponents=[round(float(w), 3) for w in weights[1:]],
            r2=round(1 - float(residual.var() / y.var()), 3),
        )
    return result


def shares(course: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Fraction of the final theta after each epoch, by thirds of the classes."""
    order = np.argsort(-counts, kind='stable')
    names = ('most frequent third', 'middle third', 'rarest third')
    parts = np.array_split(order, 3)
    return {
        name: (course[:, part] / course[-1, part]).mean(axis=1)
        for name, part in zip(names, parts, strict=True)
    }


def draw(results: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    figure = Figure(figsize=(11, 7.5), layout='constrained')
    grid = figure.subplots(len(results), 2, squeeze=False)
    for row, (name, r) in zip(grid, results.items(), strict=True):
        left, right = row
        points = left.scatter(
            r['counts'], r['course'][-1], c=r['errors'], cmap='viridis', s=36
        )
        figure.colorbar(points, ax=left, label='validation error (%)')
        left.set_xscale('log')
        left.set_yscale('log')
        left.margins(0.12)
        set_plain_ticks(left.xaxis)
        set_plain_ticks(left.yaxis)
        left.set_xlabel('training images of the class')
        left.set_ylabel('theta at the end of training')
        left.set_title(TITLES[name], fontsize=10)
        if len(r['counts']) <= 10:
            for count, theta, label in zip(
                r['counts'], r['course'][-1], r['names'], strict=True
            ):
                left.annotate(
                    label,
                    (count, theta),
                    xytext=(5, 4),
                    textcoords='offset points',
                    fontsize=7,
                )
        epochs = np.arange(1, len(r['course']) + 1)
        for (part, share), colour in zip(
            shares(r['course'], r['counts']).items(), COLOURS[::2], strict=True
        ):
            right.plot(epochs, 100 * share, label=part, color=colour, marker='.')
        right.axline(
            (0, 0), (epochs[-1], 100), color='grey', linewidth=1, linestyle=':'
        )
        right.set_xlabel('epoch')
        right.set_ylabel('share of the final theta (%)')
        right.set_ylim(0, 102)
        right.legend(title='classes', fontsize=8, title_fontsize=8)
        right.set_title(TITLES[name], fontsize=10)
    save_figure(figure, path, 'What theta measures, and when it is settled')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs'))
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = args.work_dir / 'gala_statistics'
    folder.mkdir(parents=True, exist_ok=True)
    results, numbers = {}, {}
    for name, comparison in SETS.items():
        course, counts = train(name, folder)
        errors = class_errors(
            args.work_dir / 'compare' / comparison / 'balanced-softmax'
        )
        names = FashionMNIST.METAINFO['classes']  # for the set with ten classes
        results[name] = dict(course=course, counts=counts, errors=errors, names=names)
        numbers[name] = dict(
            explained=explain(course[-1], counts, errors),
            share_after_epoch={
                part: [round(float(v), 4) for v in share]
                for part, share in shares(course, counts).items()
            },
            counts=counts.tolist(),
            theta=[round(float(v), 2) for v in course[-1]],
            validation_error=[round(float(v), 2) for v in errors],
        )
    write_json(RESULTS / 'gala_statistics.json', numbers)
    draw(results, RESULTS / 'gala_statistics.png')
    for name, entry in numbers.items():
        print(name, json.dumps(entry['explained']))


if __name__ == '__main__':
    main()
