"""Write an interactive report on one or several trainings, for the browser.

Reads work dirs that contain gradient statistics (from mmgala.GradientStatisticsHook),
predictions.npz (from mmgala test --out) or class_vectors.json (from mmgala vectors),
all of the same classes, or the --work-dir of mmgala compare with all its finished
trainings. Writes OUT.html, which works offline, and its numbers, OUT.json. With
--images, the page also shows small images of some test samples. If a training has
several losses, such as the stages of a cascade, each counts as a separate run.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from mmgala.cli.arguments import add_threshold_arguments, parse_args
from mmgala.cli.post_hoc_arguments import add_target_prior_argument


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'work_dir',
        nargs='+',
        type=Path,
        help='of a training or a comparison',
    )
    parser.add_argument(
        '--names', nargs='+', help="a name per WORK_DIR; default: the folders' names"
    )
    parser.add_argument(
        '--out', type=Path, default=Path('report.html'), help='page to write'
    )
    parser.add_argument('--title', help='default: "Report on" and the methods')
    parser.add_argument(
        '--tau',
        metavar='FLOAT|auto',
        help='strength of re-balancing; auto: choose it for each training on the '
        'validation scores that mmgala compare keeps, and re-balance as it does. '
        'Default: auto where all trainings have such scores, else 1',
    )
    parser.add_argument(
        '--images',
        action='store_true',
        help='show small images of test samples, from the test data of the config in '
        'the first WORK_DIR, which is executed as in a test',
    )
    add_target_prior_argument(parser, 'the test set')
    add_threshold_arguments(parser, 'those in the files of the WORK_DIRs')
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.report import run
    run(args)
