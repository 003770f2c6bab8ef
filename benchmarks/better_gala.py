"""Screen candidates for a better GALA on validation images; test images are not read.

    python tools/prepare_data.py cifar100
    python tools/prepare_data.py fashion-mnist
    python benchmarks/better_gala.py --list                 # the queue and its state
    python benchmarks/better_gala.py --sets cifar100        # 25 minutes of a core a run
    python benchmarks/better_gala.py --sets cifar100-continued   # 15, late in a run
    python benchmarks/better_gala.py --sets cifar100-long   # the published length: 140
    python benchmarks/better_gala.py --report               # tables of what is there

The candidates are defined in projects/gala_study. It can be stopped at any time: the
same command continues each run from its last checkpoint, and never repeats a run whose
results are in benchmarks/results/better_gala.json (--out). Runs are ordered by seed, so
all methods have one seed before any has two.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from checkout import ROOT, current_commit
from quiet import log_in_folder, quiet_imports

with quiet_imports():
    import torch
    from better_gala_results import (
        RESULTS,
        SHOWN,
        STEPS,
        find_run,
        read_results,
        record_run,
        table,
    )
    from better_gala_screens import (
        BASELINE,
        CANDIDATES,
        REFERENCES,
        SCREENS,
        SETTINGS,
        STOPPED,
    )
    from cifar100_configs import (
        continue_training,
        hold_images_out,
        set_data_root,
        set_epochs,
        train_alone,
        validate_on_left_out,
    )
    from cifar100_results import labels_digest
    from mmengine.config import Config

    from mmgala.cli import arguments
    from mmgala.comparison.config import run_config
    from mmgala.comparison.methods import find_methods, user_methods
    from mmgala.comparison.processes import Task, run_tasks
    from mmgala.comparison.run_progress import RunProgress
    from mmgala.comparison.run_times import Work
    from mmgala.comparison.runs import Run, check_folder
    from mmgala.comparison.worker import execute
    from mmgala.console import result, say
    from mmgala.utils.tables import markdown_table

sys.path.append(str(ROOT))  # for projects

METHODS_FILE = ROOT / 'projects' / 'gala_study' / 'methods.py'
CHECKPOINT_EPOCHS = 5
CIFAR_IMAGES = {'held-out': hold_images_out, 'left-out': validate_on_left_out}


@dataclass(frozen=True)
class Entry:
    """One training of the queue; see ``Screen`` and ``methods.py``."""

    set: str
    method: str
    seed: int
    epochs: int

    @property
    def name(self) -> str:
        """Name of its folder, and on the command line."""
        return f'{self.set}_{self.method}_seed{self.seed}'


def queue(args: argparse.Namespace) -> list[Entry]:
    """What the arguments ask for, by seed, then set, then method."""
    entries = [
        Entry(name, method, seed, args.epochs or SCREENS[name].epochs)
        for seed in range(args.first_seed, args.first_seed + args.seeds)
        for name in args.sets
        for method in SCREENS[name].methods or (*REFERENCES, *CANDIDATES)
        if not seed or method not in STOPPED.get(name, ())
    ]
    if not args.only:
        return entries
    known = {text for entry in entries for text in (entry.name, entry.method)}
    if unknown := [text for text in args.only if text not in known]:
        raise SystemExit(f'error: not in the queue (--list): {", ".join(unknown)}')
    return [e for e in entries if {e.name, e.method} & set(args.only)]


def exact_config(entry: Entry, folder: Path, args: argparse.Namespace) -> Config:
    """The complete config of one training, which has no test set."""
    screen = SCREENS[entry.set]
    extra = Config.fromfile(METHODS_FILE)
    own = user_methods(extra.methods, str(METHODS_FILE))
    text = SETTINGS.get(entry.method, entry.method)
    cfg = Config.fromfile(ROOT / f'configs/cross_entropy/{screen.config}.py')
    cfg.custom_imports = extra.custom_imports
    data_root = args.data_root or screen.data_root
    if screen.cifar_images:
        set_data_root(cfg, data_root)
        set_epochs(cfg, entry.epochs)
        CIFAR_IMAGES[screen.cifar_images](cfg)
        if screen.continues:
            start = folder.parent / f'{entry.set}.pth'
            continue_training(cfg, RESULTS.parent / screen.continues, start)
    else:
        if data_root:
            cfg.merge_from_dict(_roots(cfg, data_root))
        cfg.param_scheduler.T_max = cfg.train_cfg.max_epochs = entry.epochs
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    method = find_methods([text], own)[0]
    cfg = run_config(cfg, method, entry.seed, folder, 'last')
    cfg.default_hooks.checkpoint.interval = CHECKPOINT_EPOCHS
    train_alone(
        cfg,
        precision='bfloat16' if screen.fast else 'float32',
        on_device=args.on_device and bool(screen.cifar_images),
    )
    return cfg


def _roots(cfg: Config, data_root: str) -> dict[str, str]:
    """Options for another folder of the images."""
    options = {'val_dataloader.dataset.data_root': data_root}
    wrapped = 'dataset' in cfg.train_dataloader.dataset
    inner = 'dataset.dataset' if wrapped else 'dataset'
    return options | {f'train_dataloader.{inner}.data_root': data_root}


class Recorder(RunProgress):
    """Shows progress, and stores the results of each run as soon as it has ended."""

    def __init__(
        self,
        runs: Mapping[str, tuple[dict[str, Any], Run]],
        workers: int,
        out: Path,
    ) -> None:
        super().__init__([Work(name) for name in runs], workers)
        self._runs, self._out = runs, out

    def ended(self, name: str, seconds: float, error: str | None) -> None:
        """Store the results of a successful run."""
        super().ended(name, seconds, error)
        if error is None:
            identity, run = self._runs[name]
            found = record_run(self._out, identity, run.folder, current_commit())
            shown = ', '.join(f'{k} {found[k]:.1f}' for k in SHOWN if k in found)
            result(f'{name}: {shown}; re-balanced {found["class_mean_rebalanced"]:.1f}')


def prepare(
    entries: list[Entry], args: argparse.Namespace
) -> Iterator[tuple[str, tuple[dict[str, Any], Run]]]:
    """Unfinished runs by name, with what identifies their results."""
    results, digests = read_results(args.out), dict[str, str]()
    for entry in entries:
        folder = (args.work_dir / entry.name).absolute()
        cfg = exact_config(entry, folder, args)
        if entry.set not in digests:
            digests[entry.set] = labels_digest(cfg)
        identity = asdict(entry) | dict(data=digests[entry.set])
        before = find_run(results, identity)
        if before is None or before['data'] != identity['data']:
            run = Run(entry.name, entry.seed, folder, cfg)
            check_folder(run)
            yield entry.name, (identity, run)


def report(args: argparse.Namespace) -> None:
    """Print one table per set and treatment of the scores."""
    results = read_results(args.out)
    head = ['method', 'seeds', *SHOWN, f'difference from {BASELINE} (95 % together)']
    for name in args.sets:
        epochs = args.epochs or SCREENS[name].epochs
        for suffix, what in STEPS.items():
            rows = list(table(results, name, suffix, epochs, BASELINE))
            if rows:
                result(f'\n{name}, {epochs} epochs, validation images, {what}\n')
                result(markdown_table(head, rows))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--sets', nargs='+', choices=SCREENS, default=list(SCREENS))
    parser.add_argument(
        '--only', nargs='+', metavar='NAME', help='names of runs or methods, see --list'
    )
    parser.add_argument('--seeds', type=int, default=2, help='number (default 2)')
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument(
        '--epochs', type=int, help='another length of the runs, for a trial'
    )
    parser.add_argument(
        '--workers', type=int, default=1, help='processes, one thread each (default 1)'
    )
    parser.add_argument(
        '--nice', type=int, default=19, help='added to the niceness (default 19)'
    )
    parser.add_argument(
        '--on-device',
        action=argparse.BooleanOptionalAction,
        default=torch.cuda.is_available(),
        help='keep the images of CIFAR-100 and their augmentation on the device '
        '(default with a GPU); other sets use the data loader',
    )
    parser.add_argument('--data-root', help='folder of the images, for a single set')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/better_gala'))
    parser.add_argument(
        '--out', type=Path, default=RESULTS, help='results, a JSON file'
    )
    parser.add_argument('--list', action='store_true', help='show the queue and exit')
    parser.add_argument('--report', action='store_true', help='show results and exit')
    args = arguments.parse_args(parser)
    if args.data_root and len(args.sets) > 1:
        parser.error('--data-root is the folder of one set: choose it by --sets.')
    return args


@command
def main() -> None:
    args = parse_args()
    if args.report:
        report(args)
        return
    entries = queue(args)
    if args.list:
        results = read_results(args.out)
        for entry in entries:
            done = find_run(results, asdict(entry)) is not None
            result(f'{"done" if done else "-":5}{entry.name}')
        return
    os.nice(args.nice)
    log_in_folder(args.work_dir)
    runs = dict(prepare(entries, args))
    tasks = [Task(name, execute, (run,)) for name, (_, run) in runs.items()]
    with Recorder(runs, args.workers, args.out) as progress:
        failed = run_tasks(tasks, args.workers, progress, threads=1)
    say(f'{len(tasks) - len(failed)} of {len(tasks)} runs finished; see {args.out}')
    if failed:
        raise SystemExit(f'error: {"; ".join(f"{k}: {v}" for k, v in failed.items())}')


if __name__ == '__main__':
    main()
