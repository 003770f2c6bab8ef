"""Analyse saved predictions, raw and re-balanced.

Reads the files that `mmgala test CONFIG CHECKPOINT --out x.npz` writes, of one or
several models on the same test set. Writes predictions.json, classes.csv and plots.
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
        'pred', nargs='+', type=Path, help='predictions on the test set, .npz'
    )
    parser.add_argument('--names', nargs='+', help="default: the files' names")
    parser.add_argument(
        '--tau', type=float, help='strength of re-balancing; default: 1'
    )
    parser.add_argument(
        '--val',
        nargs='+',
        type=Path,
        metavar='VAL_PRED',
        help='predictions on validation data, one per PRED: choose tau on them',
    )
    add_threshold_arguments(parser, 'those in PRED')
    parser.add_argument(
        '--class-counts',
        metavar='FILE',
        help='number of training samples of each class, if PRED does not contain it: '
        'a JSON list, .npy, or text with one number per line; or a JSON object or a '
        'CSV file with class names and numbers',
    )
    add_target_prior_argument(parser, 'the test set')
    parser.add_argument(
        '--out', type=Path, help='folder; default: <PRED without .npz>_analysis'
    )
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.predictions import run
    run(args)
