"""Put all that is known of trainings onto one page, to be looked at in a browser.

Takes work dirs that hold gradient statistics (of mmgala.GradientStatisticsHook),
predictions.npz (of tools/test.py --out) or class_vectors.json (of
tools/analysis/class_vectors.py), all of the same classes. Writes OUT.html, which needs
no network, and OUT.json, the numbers. Of a training with several losses, such as the
stages of a cascade, each is shown as a run of its own.
"""

import argparse
import json
from pathlib import Path

from rich.console import Console

from mmgala.analysis import merge_runs, read_run
from mmgala.analysis.gradient_files import runs_by_name
from mmgala.analysis.run_files import PREDICTIONS, VECTORS, stored_limits
from mmgala.apis.launch import one_line_errors
from mmgala.functional import shot_groups
from mmgala.functional.rebalance import check_tau
from mmgala.utils.files import write_text
from mmgala.visualization import write_html_report


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', nargs='+', type=Path, help='of a training')
    parser.add_argument(
        '--names', nargs='+', help="a name per WORK_DIR; default: the folders' names"
    )
    parser.add_argument(
        '--out', type=Path, default=Path('report.html'), help='page to write'
    )
    parser.add_argument('--title', default='Gradients, class vectors and predictions')
    parser.add_argument(
        '--tau',
        type=float,
        default=1.0,
        help='strength of re-balancing; choose it on validation data. Default: 1',
    )
    parser.add_argument(
        '--many',
        type=int,
        help='more training samples are many-shot; default: as in the gradient '
        'statistics of the first WORK_DIR, or else 100',
    )
    parser.add_argument(
        '--few', type=int, help='fewer training samples are few-shot; likewise, or 20'
    )
    return parser.parse_args()


def check_args(args: argparse.Namespace) -> None:
    """Find what cannot work before large files are read."""
    check_tau(args.tau)
    args.runs = runs_by_name(args.work_dir, args.names, (PREDICTIONS, VECTORS))
    many, few = next(map(stored_limits, args.runs.values()))
    args.many = many if args.many is None else args.many
    args.few = few if args.few is None else args.few
    shot_groups([], args.many, args.few)  # checks the limits
    if args.out.suffix != '.html':
        raise ValueError(f'--out must end in .html, but is {args.out}.')


def main() -> None:
    args = parse_args()
    with one_line_errors():
        check_args(args)
        limits = (args.many, args.few)
        runs = [
            read_run(folder, name, limits, args.tau)
            for name, folder in args.runs.items()
        ]
        report = merge_runs(runs, args.title, limits)
        text = json.dumps(report, allow_nan=False)
        write_html_report(report, args.out)
        numbers = args.out.with_suffix('.json')
        write_text(numbers, text)
        console = Console(soft_wrap=True, markup=False, highlight=False)
        for line in report['missing']:
            console.print(line)
        console.print(f'The report is {args.out}, its numbers are {numbers}.')


if __name__ == '__main__':
    main()
