"""Cross-entropy and GALA on Fashion-MNIST-LT, imbalance factor 100.

Two networks: a ResNet-14 without augmentation, and ResNet-32 with the CIFAR recipe
(--network resnet32 --seeds 1). Each takes about half an hour on 2 cores; the same
command continues an interrupted run. Results are those of the last epoch; tau is chosen
on held-out training images.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path
from statistics import mean

from quiet import log_in_folder, quiet_imports

with quiet_imports():
    from mmengine.config import Config
    from report import draw, evaluate, evaluate_runs, rebalanced, table
    from runs import Training, train_all

    from mmgala.cli.arguments import parse_args
    from mmgala.console import result
    from mmgala.utils.environment import describe_machine
    from mmgala.utils.files import write_json, write_text

ROOT = Path(__file__).resolve().parent.parent
CONFIG = 'configs/{}/{}.py'
NETWORKS = {
    'resnet14': 'resnet14_fashion-mnist-lt',
    'resnet32': 'resnet32_fashion-mnist-lt_15e',
}
METHODS = {'ce': 'cross_entropy', 'gala': 'gala'}
RESULTS = ROOT / 'benchmarks' / 'results'


def summary(training: Training, arrays: dict) -> dict:
    """All metrics of one run, in percent."""
    targets, counts = arrays['test_targets'], arrays['class_counts']
    chosen, tau = rebalanced(arrays, tau=None)
    run = dict(
        method=training.method,
        seed=training.seed,
        config=str(Path(training.config).relative_to(ROOT)),
        seconds=round(float(arrays['seconds']), 1),
        tau=tau,
    )
    for suffix, scores in (
        ('', arrays['test_scores']),
        ('_rebalanced', chosen),
        ('_rebalanced_tau1', rebalanced(arrays, tau=1.0)[0]),
    ):
        metrics = evaluate(scores, targets, counts)
        run |= {f'{key}{suffix}': round(value, 3) for key, value in metrics.items()}
    return run


def keep_record(trainings: list[Training], work_dir: Path, out: Path) -> None:
    """Store each run's config and training log next to the results."""
    for training in trainings:
        log = (work_dir / training.name / 'train.log').read_text().splitlines()
        course = [line for line in log if ' - Epoch(' in line]
        base = out.with_name(f'{out.stem}_{training.name}')
        write_text(base.with_suffix('.log'), '\n'.join([*course, '']))
        text = Config.fromfile(training.config).pretty_text
        write_text(base.with_suffix('.py'), text)


@command
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--network', choices=list(NETWORKS), default='resnet14')
    parser.add_argument('--work-dir', type=Path)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--out', type=Path)
    args = parse_args(parser)
    if args.seeds < 1:
        raise ValueError(f'--seeds must be 1 or more, but got {args.seeds}.')
    suffix = '' if args.network == 'resnet14' else f'_{args.network}'
    name = f'fashion_mnist_lt{suffix}'
    args.work_dir = args.work_dir or Path('work_dirs') / name
    log_in_folder(args.work_dir)
    args.out = args.out or RESULTS / f'{name}.json'
    trainings = [
        Training(
            method, str(ROOT / CONFIG.format(folder, NETWORKS[args.network])), seed
        )
        for seed in range(args.seeds)
        for method, folder in METHODS.items()
    ]
    results = train_all(trainings, args.work_dir)
    runs = [summary(training, arrays) for training, arrays in results.items()]
    write_json(args.out, dict(runs=runs, machine=describe_machine()))

    rows, accuracies = evaluate_runs(results)
    seeds = f'{args.seeds} seed{"s" * (args.seeds > 1)}'
    title = (
        f'Fashion-MNIST-LT, imbalance factor 100, {args.network}, {seeds}, percent. '
        'tau chosen on 10,000 held-out training images.'
    )
    result(f'\n{title}\n')
    result(table(rows))
    if args.network == 'resnet32':
        keep_record(trainings, args.work_dir, args.out)
    draw(args.work_dir, f'Fashion-MNIST-LT, {args.network}', results, accuracies)
    top1 = {
        (m, key): mean(run[key] for run in runs if run['method'] == m)
        for m in METHODS
        for key in ('top1', 'top1_rebalanced')
    }
    result(
        f'GALA over CE: {top1["gala", "top1"] - top1["ce", "top1"]:+.2f} points; '
        f're-balancing on GALA: '
        f'{top1["gala", "top1_rebalanced"] - top1["gala", "top1"]:+.2f} points.'
    )


if __name__ == '__main__':
    main()
