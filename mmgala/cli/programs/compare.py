"""The work of ``mmgala compare``."""

import argparse
import sys
from pathlib import Path

import torch
from mmengine.config import Config

from mmgala.analysis.answer.words import counted
from mmgala.analysis.comparison_folders import RESULTS, read_run_state
from mmgala.apis.config_options import (
    use_channels_last,
    use_mixed_precision,
)
from mmgala.apis.data_splits import build_whole_split
from mmgala.apis.launch import (
    default_work_dir,
    load_config,
    set_work_dir,
)
from mmgala.apis.pretrained_weights import check_pretrained_weights
from mmgala.cli.cfg_options import merge_options
from mmgala.cli.post_hoc import read_target_prior
from mmgala.cli.post_hoc_arguments import BALANCED
from mmgala.comparison.additions import apply_additions
from mmgala.comparison.config import (
    check_comparable,
    validation_problem,
)
from mmgala.comparison.data_state import (
    data_digests,
    describe_changes,
)
from mmgala.comparison.methods import (
    OWN_METHOD,
    find_methods,
    user_methods,
)
from mmgala.comparison.own_loss import (
    has_row,
    own_loss_note,
)
from mmgala.comparison.plan import check_runs, plan_runs
from mmgala.comparison.processes import Task, default_workers, run_tasks
from mmgala.comparison.report import PLOT_FILE, write_report
from mmgala.comparison.run_progress import RunProgress
from mmgala.comparison.run_times import Work
from mmgala.comparison.runs import LOG, Run, check_folder, holds_runs
from mmgala.comparison.worker import execute, remove_features
from mmgala.console import log_in, say, warn
from mmgala.console.markdown import show_markdown
from mmgala.datasets.labels import class_names
from mmgala.evaluation.shot_thresholds import config_thresholds
from mmgala.functional import METRIC_NAMES
from mmgala.functional.rebalance import check_target_prior
from mmgala.utils.command_record import record_command
from mmgala.utils.files import locked_folders

DEFAULT_METHODS = ['ce', 'gala']
COMPARISON_LOG = 'compare.log'  # what libraries say; each run has its own log


def check_args(args: argparse.Namespace) -> None:
    """Check the arguments before anything is read."""
    if unknown := [name for name in args.metrics if name not in METRIC_NAMES]:
        raise ValueError(
            f'Unknown metric {unknown[0]!r}: choose from {", ".join(METRIC_NAMES)}.'
        )
    if args.seeds < 1:
        raise ValueError(f'--seeds must be 1 or more, but got {args.seeds}.')
    if args.first_seed < 0:
        raise ValueError(f'--first-seed must be 0 or more, but got {args.first_seed}.')
    if args.target_prior not in (None, BALANCED) and not args.post_hoc:
        raise ValueError('--target-prior requires --post-hoc STEPS.')
    if args.workers is not None and args.workers < 1:
        raise ValueError(f'--workers must be 1 or more, but got {args.workers}.')


def training_classes(cfg: Config) -> tuple[str, ...]:
    """Names of the classes of the training set."""
    return class_names(build_whole_split(cfg, 'train', ()).dataset)


def load(args: argparse.Namespace) -> Config:
    """Read the config, and apply the arguments that change it."""
    cfg = load_config(args.config)
    merge_options(cfg, args.cfg_options)
    if args.amp:
        use_mixed_precision(cfg)
    if args.channels_last:
        use_channels_last(cfg)
    if args.post_hoc and (problem := validation_problem(cfg)):
        raise ValueError(f'--post-hoc chooses on validation data, but {problem}.')
    args.target_prior = read_target_prior(
        args.target_prior, lambda: training_classes(cfg)
    )
    if isinstance(args.target_prior, list):
        values = torch.tensor(args.target_prior, dtype=torch.float64)
        num_classes = cfg.get('model', {}).get('head', {}).get('num_classes')
        check_target_prior(values, num_classes or len(values))
    return cfg


def plan(cfg: Config, work_dir: Path, args: argparse.Namespace) -> list[Run]:
    """The runs of all methods and seeds, finished or not."""
    own = {}
    if args.methods_file is not None:
        extra = load_config(args.methods_file)
        own = user_methods(extra.get('methods', {}), args.methods_file)
        add_imports(cfg, extra.get('custom_imports'))
    check_comparable(cfg)
    methods = find_methods(args.methods or DEFAULT_METHODS, own)
    if args.methods is None and not has_row(cfg, methods):
        methods += find_methods([OWN_METHOD.name])
    args.own_loss = own_loss_note(cfg, methods)
    if added := apply_additions(cfg, args.additions):
        remark = f'All methods are trained with {" and ".join(added)}.'
        args.own_loss = ' '.join(filter(None, [args.own_loss, remark]))
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    data = present_data(cfg, args)
    runs = plan_runs(cfg, methods, seeds, work_dir, args.selection, data)
    for line in describe_changes(runs, repeated=not args.only_report):
        say(line)
    return runs


def present_data(cfg: Config, args: argparse.Namespace) -> dict | None:
    """Digests of the data sets; None if --only-report cannot read them."""
    try:
        return data_digests(cfg)
    except (OSError, ValueError) as error:
        if not args.only_report:
            raise
        warn(
            f'The data cannot be read ({error}): whether they have changed since the '
            'runs finished is unknown.'
        )
        return None


def add_imports(cfg: Config, custom_imports: dict | None) -> None:
    """Add the custom imports of a methods file to those of the config."""
    if custom_imports is None:
        return
    parts = [cfg.get('custom_imports') or {}, custom_imports]
    named = [part.get('imports', []) for part in parts]
    imports = [n for of in named for n in ([of] if isinstance(of, str) else of)]
    cfg.custom_imports = {**parts[0], **parts[1], 'imports': imports}


def work_of(run: Run) -> Work:
    """A run, as far as its time is concerned."""
    after = (run.start.name,) if run.start else ()
    return Work(run.name, run.method, run.start is not None, after)


def seconds_of(run: Run) -> float:
    """How long a finished run took."""
    return (read_run_state(run.folder) or {}).get('seconds', 0.0)


def train(runs: list[Run], workers: int) -> dict[str, str]:
    """Train unfinished runs; return the error message of each failed run by name."""
    todo = [run for run in runs if not run.finished]
    earlier = [(work_of(run), seconds_of(run)) for run in runs if run.finished]
    say(
        f'{counted(len(runs), "run")}, {len(earlier)} of them finished already; '
        f'{min(workers, len(todo))} in parallel.'
    )
    tasks = [
        Task(run.name, execute, (run,), (run.start.name,) if run.start else ())
        for run in todo
    ]
    with RunProgress([work_of(run) for run in todo], workers, earlier) as progress:
        failed = run_tasks(tasks, workers, progress)
    remove_features(runs)
    return failed


def compare(args: argparse.Namespace) -> dict[str, str]:
    """Train, and report; return the error message of each failed run by name."""
    cfg = load(args)
    set_work_dir(cfg, args.config, args.work_dir)
    former = Path('work_dirs', Path(args.config).stem)  # default of earlier versions
    is_default = cfg.work_dir == default_work_dir(args.config)
    if is_default and not Path(cfg.work_dir).exists() and holds_runs(former):
        cfg.work_dir = str(former)
    # Absolute, as runs may start in another directory.
    work_dir = Path(cfg.work_dir).absolute()
    runs = plan(cfg, work_dir, args)
    failed = {}
    if args.only_report:
        for one in runs:
            check_folder(one)
    else:
        with locked_folders(work_dir):
            log_in(work_dir / COMPARISON_LOG)
            check_runs(runs, work_dir)
            check_pretrained_weights(cfg)
            record_command(work_dir)
            failed = train(runs, args.workers or default_workers())
    text = write_report(
        runs,
        work_dir,
        args.selection,
        args.post_hoc,
        args.metrics,
        failed,
        config_thresholds(cfg),
        args.target_prior,
        args.own_loss,
    )
    show_markdown(text)
    files = (RESULTS, 'results.md', PLOT_FILE)
    written = ', '.join(name for name in files if (work_dir / name).is_file())
    say(f'Written to {work_dir}: {written}, and configs/')
    return failed


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    check_args(args)
    failed = compare(args)
    if failed:
        sys.exit(
            f'error: {counted(len(failed), "run")} failed; see {LOG} in each folder. '
            'Run the same command to repeat what failed.'
        )
