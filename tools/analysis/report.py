"""Write an interactive report on one or several trainings, for the browser.

Reads work dirs that contain gradient statistics (from mmgala.GradientStatisticsHook),
predictions.npz (from tools/test.py --out) or class_vectors.json (from
tools/analysis/class_vectors.py), all of the same classes. Writes OUT.html, which works
offline, and its numbers, OUT.json. If a training has several losses, such as the stages
of a cascade, each counts as a separate run.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
import json
from pathlib import Path

from rich.console import Console

from mmgala.analysis import merge_runs, read_predictions, read_run
from mmgala.analysis.run_files import (
    PREDICTIONS_FILE,
    VECTORS_FILE,
    agreed_thresholds,
    runs_by_name,
)
from mmgala.cli.arguments import add_threshold_arguments
from mmgala.cli.post_hoc import read_target_prior
from mmgala.cli.post_hoc_arguments import VAL, add_target_prior_argument
from mmgala.cli.thresholds import check_threshold_arguments, choose_thresholds
from mmgala.functional.rebalance import check_tau
from mmgala.utils.files import check_writable, write_text
from mmgala.visualization import write_html_report


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', nargs='+', type=Path, help='work dir of a training')
    parser.add_argument(
        '--names', nargs='+', help="a name per WORK_DIR; default: the folders' names"
    )
    parser.add_argument(
        '--out', type=Path, default=Path('report.html'), help='page to write'
    )
    parser.add_argument(
        '--title', default='Gradients, class weight vectors and predictions'
    )
    parser.add_argument(
        '--tau',
        type=float,
        default=1.0,
        help='strength of re-balancing; choose it on validation data. Default: 1',
    )
    add_target_prior_argument(parser, 'the test set')
    add_threshold_arguments(parser, 'those in the files of the WORK_DIRs')
    return parser.parse_args()


def check_args(args: argparse.Namespace) -> None:
    """Check the arguments before large files are read."""
    check_tau(args.tau)
    if args.target_prior == VAL:
        raise ValueError(
            f'--target-prior {VAL} needs the labels of validation data, which a report '
            'does not read: give the class shares in a FILE.'
        )
    args.runs = runs_by_name(
        args.work_dir, args.names, (PREDICTIONS_FILE, VECTORS_FILE)
    )
    check_threshold_arguments(args)
    args.target_prior = read_target_prior(
        args.target_prior, lambda: predicted_classes([*args.runs.values()])
    )
    if args.out.suffix != '.html':
        raise ValueError(f'--out must end in .html, but is {args.out}.')
    for path in (args.out, args.out.with_suffix('.json')):
        check_writable(path)


def predicted_classes(folders: list[Path]) -> list[str]:
    """Class names in the first predictions; empty if they are unknown."""
    paths = [folder / PREDICTIONS_FILE for folder in folders]
    found = next((path for path in paths if path.exists()), None)
    return (read_predictions(found).class_names or []) if found else []


@command
def main() -> None:
    args = parse_args()
    check_args(args)
    console = Console(soft_wrap=True, markup=False, highlight=False)
    stated = None
    if None in (args.many, args.few):
        stated = agreed_thresholds([*args.runs.values()])
    thresholds = choose_thresholds(args, stated, console.print)
    runs = [
        read_run(folder, name, thresholds, args.tau, args.target_prior)
        for name, folder in args.runs.items()
    ]
    report = merge_runs(runs, args.title)
    text = json.dumps(report, allow_nan=False)
    write_html_report(report, args.out)
    numbers = args.out.with_suffix('.json')
    write_text(numbers, text)
    for line in report['missing']:
        console.print(line)
    console.print(f'Wrote the report to {args.out} and its numbers to {numbers}.')
    for line in report['warnings']:
        console.print(line)


if __name__ == '__main__':
    main()
