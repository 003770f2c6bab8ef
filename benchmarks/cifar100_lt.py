"""Train the runs of the CIFAR100-LT table: ResNet-32, 200 epochs, last epoch.

    python tools/prepare_data.py cifar100
    python benchmarks/cifar100_lt.py --list         # the queue and its state
    python benchmarks/cifar100_lt.py --workers 2    # about 2 hours per run

It can be stopped at any time: the same command continues from the last finished epoch,
and never repeats a run whose results are in benchmarks/results/cifar100_lt.json. Each
run adds its results, config, log and weights to benchmarks/results. Run this from a
separate clone if you want to edit the code meanwhile.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checkout import ROOT, current_commit
from quiet import log_in_folder, quiet_imports

with quiet_imports():
    import torch
    from cifar100_configs import (
        hold_images_out,
        set_data_root,
        set_epochs,
        train_alone,
    )
    from cifar100_results import (
        RESULTS,
        is_done,
        labels_digest,
        read_results,
        record_run,
    )
    from cifar100_table import HEADER, cifar100_rows
    from mmengine.config import Config

    from mmgala.cli import arguments
    from mmgala.comparison.processes import Task, run_tasks
    from mmgala.comparison.run_progress import RunProgress
    from mmgala.comparison.run_times import Work
    from mmgala.comparison.runs import Run, check_folder
    from mmgala.comparison.worker import execute
    from mmgala.console import result, say
    from mmgala.utils.tables import markdown_table

EPOCHS = 200
SHORT_EPOCHS = 40  # of the runs that tau is chosen with
VAL_INTERVAL = 20
GPU_INTERVAL = 100  # of validations and checkpoints, where epochs take a second


@dataclass(frozen=True)
class Entry:
    """One training of the queue.

    Attributes:
        method: name of the method in the table.
        imbalance_factor: imbalance factor of the training set.
        seed: seed of initialisation, sampling and augmentation.
        epochs: number of epochs.
        chooses_tau: whether this is a short run without some training images, on which
            tau is chosen, rather than a row of the table.
    """

    method: str
    imbalance_factor: int
    seed: int = 0
    epochs: int = EPOCHS
    chooses_tau: bool = False

    @property
    def name(self) -> str:
        """Name of the run's folder and files."""
        kind = 'tau' if self.chooses_tau else f'seed{self.seed}'
        return f'{self.method}_if{self.imbalance_factor}_{kind}'


@dataclass(frozen=True)
class Method:
    """A config and changes to it.

    Attributes:
        folder: folder of the config below ``configs``.
        options: changes, for ``Config.merge_from_dict``.
    """

    folder: str
    options: dict[str, Any] = field(default_factory=dict)


METHODS = {
    'gala': Method('gala'),
    'ce': Method('cross_entropy'),
    'balanced-softmax': Method('balanced_softmax'),
    # The authors' code, with their published lambdas for re-balancing.
    'gala-official': Method(
        'gala',
        {
            'model.head.loss.variant': 'official',
            'model.head.loss.lambda_pos': 1.2,
            'model.head.loss.lambda_neg': 0.9,
        },
    ),
    'ldam-drw': Method('ldam_drw'),
    'gala-margin': Method('gala_margin'),
    'gala-lead': Method('gala_lead'),
}
FIRST = ('gala-lead', 'gala-margin', 'gala', 'ce', 'balanced-softmax')


def short(method: str, factor: int) -> Entry:
    """The run that tau is chosen with for a method."""
    return Entry(method, factor, epochs=SHORT_EPOCHS, chooses_tau=True)


QUEUE = [
    *(Entry(method, 100) for method in METHODS),
    *(Entry(method, 100, seed=1) for method in FIRST),
    *(short(method, 100) for method in METHODS),
    *(Entry(method, 100, seed=2) for method in FIRST),
    *(Entry(method, 200) for method in ('gala', 'balanced-softmax')),
    *(short(method, 200) for method in ('gala', 'balanced-softmax')),
    *(Entry('gala', factor) for factor in (50, 10)),
    *(short('gala', factor) for factor in (50, 10)),
]


def exact_config(
    entry: Entry, folder: Path, data_root: str, precision: str, on_device: bool
) -> Config:
    """The complete config of one training."""
    method = METHODS[entry.method]
    name = 'configs/{}/resnet32_cifar100-lt-if100.py'
    cfg = Config.fromfile(ROOT / name.format(method.folder))
    factor = {'train_dataloader.dataset.imbalance_factor': entry.imbalance_factor}
    cfg.merge_from_dict({**factor, **method.options})
    cfg.work_dir = str(folder)
    cfg.randomness = dict(seed=entry.seed)
    cfg.resume, cfg.launcher, cfg.visualizer = False, 'none', None
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=1, max_keep_ckpts=2, save_last=True
    )
    cfg.train_cfg = dict(by_epoch=True, val_interval=VAL_INTERVAL)
    set_epochs(cfg, entry.epochs)
    set_data_root(cfg, data_root)
    if entry.chooses_tau:
        hold_images_out(cfg)
    train_alone(cfg, precision=precision, on_device=on_device)
    if on_device and torch.cuda.is_available():
        cfg.train_cfg.val_interval = GPU_INTERVAL
        cfg.default_hooks.checkpoint.interval = GPU_INTERVAL
    return cfg


class Recorder(RunProgress):
    """Shows progress, and stores the results of each run as soon as it has ended."""

    def __init__(
        self, entries: dict[str, tuple[Entry, Run, str | None]], workers: int
    ) -> None:
        super().__init__([Work(name) for name in entries], workers)
        self._entries = entries

    def ended(self, name: str, seconds: float, error: str | None) -> None:
        """Store the results of a successful run."""
        super().ended(name, seconds, error)
        if error is None:
            entry, run, data = self._entries[name]
            record_run(entry, run.folder, current_commit(), data)
            result(markdown_table(HEADER, cifar100_rows(read_results())))


_DIGESTS: dict[tuple[int, bool], str] = {}


def digest_of(entry: Entry, cfg: Config) -> str:
    """Digest of the labels of a run; many runs have the same."""
    key = (entry.imbalance_factor, entry.chooses_tau)
    if key not in _DIGESTS:
        _DIGESTS[key] = labels_digest(cfg)
    return _DIGESTS[key]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=1,
        help='number of processes, one thread each (default 1)',
    )
    parser.add_argument(
        '--nice', type=int, default=19, help='added to the niceness (default 19)'
    )
    parser.add_argument(
        '--only', nargs='+', metavar='NAME', help='names of runs, see --list'
    )
    parser.add_argument(
        '--precision',
        choices=['bfloat16', 'float32'],
        default='bfloat16',
        help='bfloat16 with channels-last (default), or plain float32',
    )
    parser.add_argument(
        '--on-device',
        action=argparse.BooleanOptionalAction,
        default=torch.cuda.is_available(),
        help='keep images and augmentation on the device (default with a GPU)',
    )
    parser.add_argument('--data-root', default='data/cifar100')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/cifar100_lt'))
    parser.add_argument('--list', action='store_true', help='show the queue and exit')
    return arguments.parse_args(parser)


@command
def main() -> None:
    args = parse_args()
    names = [entry.name for entry in QUEUE]
    if unknown := set(args.only or ()) - set(names):
        raise SystemExit(f'error: not in the queue (--list): {", ".join(unknown)}')
    results = read_results()
    if args.list:
        for entry in QUEUE:
            result(f'{"done" if is_done(entry, results) else "-":5}{entry.name}')
        return
    os.nice(args.nice)
    log_in_folder(args.work_dir)
    settings = (args.data_root, args.precision, args.on_device)
    entries = {}
    for entry in QUEUE:
        if entry.name not in (args.only or names):
            continue
        folder = args.work_dir / entry.name
        cfg = exact_config(entry, folder, *settings)
        data = digest_of(entry, cfg) if Path(args.data_root).is_dir() else None
        if is_done(entry, results, data):
            continue
        run = Run(entry.name, entry.seed, folder, cfg)
        check_folder(run)
        entries[entry.name] = (entry, run, data)
    tasks = [Task(name, execute, (run,)) for name, (_, run, _) in entries.items()]
    with Recorder(entries, args.workers) as progress:
        failed = run_tasks(tasks, args.workers, progress, threads=1)
    say(f'{len(tasks) - len(failed)} of {len(tasks)} runs finished; see {RESULTS}')
    if failed:
        raise SystemExit(f'error: {"; ".join(f"{k}: {v}" for k, v in failed.items())}')


if __name__ == '__main__':
    main()
