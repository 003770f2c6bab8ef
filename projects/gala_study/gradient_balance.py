"""Check the three plots of the GALA paper for cross-entropy, EQL and GALA.

Trains each on Fashion-MNIST-LT (imbalance factor 100) with GradientStatisticsHook, and
checks for each seed whether the methods rank as in the paper by (a) the gradient ratio
of the tail's class weight vectors, (b) the imbalance of the sources of negative
gradient and (c) the similarity of the tail's class weight vectors to their features.
There are two networks: a ResNet-14 without augmentation for 15 epochs, and ResNet-32
with the CIFAR recipe (--network resnet32), shortened to 6 epochs to run on CPUs.
Finished trainings are kept; the same command continues an interrupted run.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.quiet import quiet_imports

with quiet_imports():
    import numpy as np
    from mmengine.config import Config
    from rich.console import Console
    from rich.progress import track

    from benchmarks.runs import Training, train_all
    from mmgala.analysis import (
        SUMS,
        ClassGradients,
        GradientRecord,
        describe_gradients,
        read_gradient_run,
        write_class_vectors,
    )
    from mmgala.apis.class_vectors import measure_class_vectors
    from mmgala.comparison.results import evaluate
    from mmgala.console import result
    from mmgala.functional import ShotThresholds
    from mmgala.utils.environment import describe_machine
    from mmgala.utils.files import write_json
    from mmgala.utils.tables import markdown_table
    from mmgala.visualization import (
        draw_gradient_course,
        draw_gradient_ratio,
        draw_gradient_sources,
        plot_class_vectors,
        save_figure,
    )
    from projects.gala_study.gradient_claims import claim_numbers, claim_rows

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / 'benchmarks' / 'results'
METHODS = {'CE': 'cross_entropy', 'EQL': 'eql', 'GALA': 'gala'}
CONFIGS = {
    'resnet14': 'resnet14_fashion-mnist-lt',
    'resnet32': 'resnet32_fashion-mnist-lt_15e',
}
MANY, FEW = 1000, 200  # four, three and three classes


def shortened(cfg: Config, epochs: int) -> Config:
    """The CIFAR recipe with fewer epochs: the first at half the rate, then cosine."""
    cfg.train_cfg.max_epochs = cfg.train_cfg.val_interval = epochs
    cfg.param_scheduler[1].update(T_max=epochs - 1, end=epochs)
    return cfg


def make_trainings(
    network: str, epochs: int | None, seeds: int, work_dir: Path
) -> list[Training]:
    """One training per seed and method; write shortened configs to ``work_dir``."""
    trainings = []
    for seed in range(seeds):
        for method, folder in METHODS.items():
            path = ROOT / 'configs' / folder / f'{CONFIGS[network]}.py'
            if epochs is not None:
                cfg = shortened(Config.fromfile(path), epochs)
                path = work_dir / 'configs' / f'{folder}_{epochs}e.py'
                path.parent.mkdir(parents=True, exist_ok=True)
                cfg.dump(str(path))
            trainings.append(Training(method, str(path), seed, MANY, FEW))
    return trainings


def pooled(records: Sequence[GradientRecord]) -> GradientRecord:
    """Sum the records of one epoch over several seeds."""
    period, total = (
        ClassGradients(
            **{name: np.sum([getattr(s, name) for s in sums], axis=0) for name in SUMS}
        )
        for sums in ([r.period for r in records], [r.total for r in records])
    )
    return replace(records[0], period=period, total=total)


def measure_vectors(training: Training, folder: Path) -> dict[str, dict]:
    """Class weight vectors of a finished training, by split; stored in its folder."""
    cfg = Config.fromfile(training.config)
    measured = {}
    for split in ('test', 'train'):
        path = folder / (
            'class_vectors.json' if split == 'test' else 'vectors_train.json'
        )
        checkpoint = folder / f'epoch_{cfg.train_cfg.max_epochs}.pth'
        trained = checkpoint.stat().st_mtime
        if not path.is_file() or path.stat().st_mtime < trained:
            thresholds = ShotThresholds(training.many, training.few)
            report = measure_class_vectors(
                cfg, checkpoint, split, thresholds=thresholds
            )
            write_class_vectors(path, report)
        measured[split] = json.loads(path.read_text())
    return measured


def summarise(
    trainings: Sequence[Training], results: dict, work_dir: Path
) -> tuple[list[dict], dict[str, list[GradientRecord]], dict[str, list[dict]]]:
    """Numbers of each run; pooled records and measured vectors by method."""
    runs = []
    records: dict[str, list[list[GradientRecord]]] = {}
    vectors: dict[str, list[dict]] = {}
    for training in track(
        trainings, 'Class weight vectors', console=Console(stderr=True)
    ):
        folder = work_dir / training.name
        of_run, measured = read_gradient_run(folder), measure_vectors(training, folder)
        arrays = results[training]
        metrics = evaluate(
            arrays['test_scores'],
            arrays['test_targets'],
            arrays['class_counts'],
            ShotThresholds(training.many, training.few),
        )
        numbers = {**metrics, **claim_numbers(of_run, measured)}
        runs.append(
            dict(
                method=training.method,
                seed=training.seed,
                seconds=round(float(arrays['seconds']), 1),
                **{key: float(f'{value:.5g}') for key, value in numbers.items()},
            )
        )
        records.setdefault(training.method, []).append(of_run)
        vectors.setdefault(training.method, []).append(measured['test'])
    epochs = {
        method: [pooled(of_epoch) for of_epoch in zip(*of_seeds, strict=True)]
        for method, of_seeds in records.items()
    }
    return runs, epochs, vectors


def mean_vectors(measured: Sequence[dict]) -> dict:
    """Class-wise mean over seeds."""
    keys = ('own_similarity', 'other_similarity', 'norm')
    means = {key: np.mean([m[key] for m in measured], axis=0).tolist() for key in keys}
    return {**measured[0], **means}


def draw(
    epochs: dict[str, list[GradientRecord]], vectors: dict[str, list[dict]], out: Path
) -> None:
    """Draw the paper's three plots, and the course over the epochs."""
    runs = {method: describe_gradients(of) for method, of in epochs.items()}
    counts = next(iter(epochs.values()))[0].class_counts
    for name, figure in (
        ('ratio', draw_gradient_ratio(counts, runs)),
        ('sources', draw_gradient_sources(counts, runs)),
        ('course', draw_gradient_course(runs)),
    ):
        save_figure(figure, out.with_name(f'{out.stem}_{name}.png'))
    plot_class_vectors(
        counts,
        {method: mean_vectors(measured) for method, measured in vectors.items()},
        out.with_name(f'{out.stem}_vectors.png'),
        thresholds=ShotThresholds(MANY, FEW),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--network', choices=list(CONFIGS), default='resnet14')
    parser.add_argument(
        '--epochs', type=int, help='epochs of the CIFAR recipe; default: 6'
    )
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--work-dir', type=Path)
    args = parser.parse_args()
    epochs = args.epochs
    if args.network == 'resnet32':
        epochs = epochs or 6
    elif epochs is not None:
        parser.error('--epochs requires --network resnet32')
    work_dir = args.work_dir or Path('work_dirs') / f'gradient_balance_{args.network}'
    trainings = make_trainings(args.network, epochs, args.seeds, work_dir)
    results = train_all(trainings, work_dir)

    runs, epochs, vectors = summarise(trainings, results, work_dir)
    out = RESULTS / f'gradient_balance_{args.network}.json'
    last = next(iter(epochs.values()))[-1]
    title = (
        f'Fashion-MNIST-LT, imbalance factor 100, {args.network}, '
        f'{last.number} epochs, {args.seeds} seeds; mean ± standard deviation. '
        f'The tail: {int((last.class_counts < FEW).sum())} classes with fewer than '
        f'{FEW} training images, of '
        f'{len(last.class_counts)} classes. Plots show sums and means over the seeds.'
    )
    table = markdown_table(*claim_rows(runs))
    write_json(out, dict(runs=runs, machine=describe_machine()))
    draw(epochs, vectors, out)
    result(f'{title}\n\n{table}')


if __name__ == '__main__':
    main()
