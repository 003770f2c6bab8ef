"""Compare methods for long-tailed data on one config, all else being equal.

Each method is trained with each seed; only its head, loss and hooks differ. If the
comparison is interrupted, run the same command again to continue. --list shows the
methods and their settings.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter('ignore')  # of libraries, while they are imported

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402

from mmgala.apis.config_options import (  # noqa: E402
    use_channels_last,
    use_mixed_precision,
)
from mmgala.apis.data_splits import build_whole_split  # noqa: E402
from mmgala.apis.launch import (  # noqa: E402
    default_work_dir,
    load_config,
    set_work_dir,
)
from mmgala.apis.pretrained_weights import check_pretrained_weights  # noqa: E402
from mmgala.cli.arguments import add_config_arguments  # noqa: E402
from mmgala.cli.cfg_options import merge_options  # noqa: E402
from mmgala.cli.post_hoc import read_target_prior  # noqa: E402
from mmgala.cli.post_hoc_arguments import BALANCED, add_target_prior_argument  # noqa: E402
from mmgala.comparison.config import (  # noqa: E402
    SELECTIONS,
    check_comparable,
    validation_problem,
)
from mmgala.comparison.data_state import (  # noqa: E402
    data_digests,
    describe_changes,
)
from mmgala.comparison.methods import (  # noqa: E402
    CATALOGUE,
    OWN_METHOD,
    find_methods,
    user_methods,
)
from mmgala.comparison.own_loss import (  # noqa: E402
    has_row,
    own_loss_note,
)
from mmgala.comparison.plan import check_runs, plan_runs  # noqa: E402
from mmgala.comparison.processes import Task, default_workers, run_tasks  # noqa: E402
from mmgala.comparison.report import PLOT_FILE, write_report  # noqa: E402
from mmgala.comparison.results import POST_HOC  # noqa: E402
from mmgala.comparison.runs import LOG, Run, check_folder, holds_runs  # noqa: E402
from mmgala.comparison.worker import execute, remove_features  # noqa: E402
from mmgala.datasets.labels import class_names  # noqa: E402
from mmgala.evaluation.shot_thresholds import config_thresholds  # noqa: E402
from mmgala.functional import METRIC_NAMES  # noqa: E402
from mmgala.functional.rebalance import check_target_prior  # noqa: E402
from mmgala.utils.files import locked_folders  # noqa: E402
from mmgala.utils.progress import CONSOLE, RunProgress  # noqa: E402

DEFAULT_METHODS = ['ce', 'gala']


class ListMethods(argparse.Action):
    """Print the methods and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        for method in (OWN_METHOD, *CATALOGUE.values()):
            print(method.describe())
        parser.exit()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--list',
        action=ListMethods,
        nargs=0,
        help='list the methods, and the source of each of their settings',
    )
    parser.add_argument(
        '--methods',
        nargs='+',
        metavar='METHOD',
        help='methods to compare, the first of which is the baseline; with settings: '
        'gala:lambda_pos=2,lambda_neg=2. config is the head and loss of CONFIG itself. '
        'Default: ce gala, and config if its loss is neither',
    )
    parser.add_argument(
        '--methods-file',
        help='Python file with further methods, methods = dict(my_method=dict(...))',
    )
    parser.add_argument(
        '--seeds', type=int, default=3, help='number of seeds, counted from 0'
    )
    parser.add_argument('--work-dir', help='directory for runs and results')
    parser.add_argument(
        '--selection',
        choices=SELECTIONS,
        default='last',
        help='epoch to evaluate: the last, or the best on the validation set',
    )
    parser.add_argument(
        '--post-hoc',
        nargs='+',
        default=[],
        choices=POST_HOC,
        metavar='STEPS',
        help='post-hoc steps to evaluate in additional rows, with strengths chosen on '
        f'the validation set: {", ".join(POST_HOC)}',
    )
    add_target_prior_argument(parser, 'the data that post-hoc steps optimise for')
    parser.add_argument(
        '--metrics', nargs='+', default=list(METRIC_NAMES), help='columns of the table'
    )
    parser.add_argument(
        '--workers',
        type=int,
        help='number of parallel runs; default: one per GPU or CPU core',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 on a GPU, bfloat16 on a CPU',
    )
    parser.add_argument(
        '--channels-last',
        action='store_true',
        help='channels-last memory format: often faster, especially with --amp',
    )
    parser.add_argument(
        '--only-report',
        action='store_true',
        help='write the results of finished runs without training',
    )
    return parser.parse_args()


def check_args(args: argparse.Namespace) -> None:
    if unknown := [name for name in args.metrics if name not in METRIC_NAMES]:
        raise ValueError(
            f'Unknown metric {unknown[0]!r}: choose from {", ".join(METRIC_NAMES)}.'
        )
    if args.seeds < 1:
        raise ValueError(f'--seeds must be 1 or more, but got {args.seeds}.')
    if args.target_prior not in (None, BALANCED) and not args.post_hoc:
        raise ValueError('--target-prior requires --post-hoc STEPS.')
    if args.workers is not None and args.workers < 1:
        raise ValueError(f'--workers must be 1 or more, but got {args.workers}.')


def training_classes(cfg: Config) -> tuple[str, ...]:
    """Names of the classes of the training set."""
    return class_names(build_whole_split(cfg, 'train', ()).dataset)


def load(args: argparse.Namespace) -> Config:
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
    seeds = range(args.seeds)
    data = present_data(cfg, args)
    runs = plan_runs(cfg, methods, seeds, work_dir, args.selection, data)
    for line in describe_changes(runs, repeated=not args.only_report):
        CONSOLE.print(line, soft_wrap=True, highlight=False)
    return runs


def present_data(cfg: Config, args: argparse.Namespace) -> dict | None:
    """Digests of the data sets; None if --only-report cannot read them."""
    try:
        return data_digests(cfg)
    except (OSError, ValueError) as error:
        if not args.only_report:
            raise
        CONSOLE.print(
            f'The data cannot be read ({error}): whether they have changed since the '
            'runs finished is unknown.',
            soft_wrap=True,
            highlight=False,
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


def train(runs: list[Run], workers: int) -> dict[str, str]:
    """Train unfinished runs; return the error message of each failed run by name."""
    todo = [run for run in runs if not run.finished]
    CONSOLE.print(
        f'{len(runs)} runs, {len(runs) - len(todo)} of them finished already; '
        f'{min(workers, len(todo))} in parallel.'
    )
    tasks = [
        Task(run.name, execute, (run,), (run.start.name,) if run.start else ())
        for run in todo
    ]
    with RunProgress(len(runs), len(runs) - len(todo)) as progress:
        failed = run_tasks(tasks, workers, progress)
    remove_features(runs)
    return failed


def run(args: argparse.Namespace) -> dict[str, str]:
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
            check_runs(runs, work_dir)
            check_pretrained_weights(cfg)
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
    CONSOLE.print(f'\n{text}', soft_wrap=True, highlight=False, markup=False)
    files = ('results.json', 'results.md', PLOT_FILE)
    written = ', '.join(name for name in files if (work_dir / name).is_file())
    CONSOLE.print(f'Written to {work_dir}: {written}, and configs/', soft_wrap=True)
    return failed


@command
def main() -> None:
    args = parse_args()
    check_args(args)
    failed = run(args)
    if failed:
        sys.exit(
            f'error: {len(failed)} runs failed; see {LOG} in their folders. Run the '
            'same command to repeat them.'
        )


if __name__ == '__main__':
    main()
