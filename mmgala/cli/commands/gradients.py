"""Compare the gradients of several trainings.

Reads work dirs of trainings with GradientStatisticsHook. Writes gradients.json,
classes.csv and plots: the ratio of positive to negative gradient of each class weight
vector, the sources of negative gradient, and the course of both over the training
(arXiv 2403.09036, figures 1 and 2). If a training has several losses, such as the
stages of a cascade, each counts as a separate run; to select one, give
WORK_DIR/gradient_statistics/LOSS.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from mmgala.cli.arguments import parse_args


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'work_dir', nargs='+', type=Path, help='work dir of each training'
    )
    parser.add_argument(
        '--names', nargs='+', help="a name per WORK_DIR; default: the folders' names"
    )
    parser.add_argument(
        '--out',
        type=Path,
        help='folder; default: gradient_report in the first WORK_DIR',
    )
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.gradients import run
    run(args)
