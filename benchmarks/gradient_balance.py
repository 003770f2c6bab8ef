"""The GALA paper's three pictures, checked: cross-entropy, EQL and GALA.

Trains each on Fashion-MNIST-LT (imbalance factor 100) with GradientStatisticsHook, and
asks of every seed whether (a) the gradient ratio of the tail's class vectors, (b) the
imbalance of the negative gradients' sources and (c) the similarity of the tail's class
vectors to their features come out in the paper's order. Two networks: a ResNet-14
without augmentation in 15 epochs, and ResNet-32 with the CIFAR recipe (--network
resnet32), whose schedule is shortened to 6 epochs for the sake of processors without a
GPU. Finished trainings are kept; the command goes on where it was interrupted.
"""

import argparse
import warnings
from pathlib import Path

warnings.simplefilter('ignore')  # of libraries, while they are imported

from mmengine.config import Config  # noqa: E402
from runs import Job, train_all  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
METHODS = {'CE': 'cross_entropy', 'EQL': 'eql', 'GALA': 'gala'}
CONFIGS = {
    'resnet14': 'resnet14_fashion-mnist-lt',
    'resnet32': 'resnet32_fashion-mnist-lt_15e',
}
MANY, FEW = 1000, 200  # four, three and three classes


def shortened(cfg: Config, epochs: int) -> Config:
    """The CIFAR recipe in fewer epochs: the first at half the rate, then cosine."""
    cfg.train_cfg.max_epochs = cfg.train_cfg.val_interval = epochs
    cfg.param_scheduler[1].update(T_max=epochs - 1, end=epochs)
    return cfg


def make_jobs(
    network: str, epochs: int | None, seeds: int, work_dir: Path
) -> list[Job]:
    """A job for each seed and method; shortened configs are written beside them."""
    jobs = []
    for seed in range(seeds):
        for method, folder in METHODS.items():
            path = ROOT / 'configs' / folder / f'{CONFIGS[network]}.py'
            if epochs is not None:
                cfg = shortened(Config.fromfile(path), epochs)
                path = work_dir / 'configs' / f'{folder}_{epochs}e.py'
                path.parent.mkdir(parents=True, exist_ok=True)
                cfg.dump(str(path))
            jobs.append(Job(method, str(path), seed, MANY, FEW))
    return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--network', choices=list(CONFIGS), default='resnet14')
    parser.add_argument('--epochs', type=int, help='of the CIFAR recipe; 6 by default')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--work-dir', type=Path)
    args = parser.parse_args()
    epochs = args.epochs
    if args.network == 'resnet32':
        epochs = epochs or 6
    elif epochs is not None:
        parser.error('--epochs goes with --network resnet32')
    work_dir = args.work_dir or Path('work_dirs') / f'gradient_balance_{args.network}'
    jobs = make_jobs(args.network, epochs, args.seeds, work_dir)
    train_all(jobs, work_dir)


if __name__ == '__main__':
    main()
