"""Predict the classes of images.

    %(prog)s work_dirs/flowers photo.jpg       # the result of mmgala start
    %(prog)s CONFIG CHECKPOINT photos/ --csv   # any classifier; a line for each image

Confidences include the steps after training that the checkpoint holds. Images that
cannot be read are named on standard error, and the exit status is then 1.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from mmgala.cli.arguments import parse_args


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage='%(prog)s [-h] [options] (WORK_DIR | CONFIG CHECKPOINT) IMAGE ...',
    )
    parser.add_argument(
        'model',
        help='folder of mmgala start or mmgala train; or CONFIG, before CHECKPOINT',
    )
    parser.add_argument(
        'images', nargs='+', metavar='IMAGE', help='image file, or folder of images'
    )
    parser.add_argument(
        '--top', type=int, default=5, metavar='N', help='classes shown; default: 5'
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--json', action='store_true', help='print JSON')
    group.add_argument(
        '--csv', action='store_true', help='print CSV, with a row for each image'
    )
    parser.add_argument(
        '--out', type=Path, metavar='FILE', help='write FILE.json or FILE.csv instead'
    )
    parser.add_argument(
        '--batch-size', type=int, default=32, metavar='N', help='default: 32'
    )
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.predict import run
    run(args)
