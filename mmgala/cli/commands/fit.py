"""Fit a re-balancer, or other post-hoc steps, and store them in a checkpoint.

Writes OUT, the weights with the fitted steps, and next to it a config that uses them.
The model then applies the steps to single images, also in MMPretrain's
ImageClassificationInferencer. Flags choose the steps; the default is re-balancing.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from mmgala.cli.arguments import add_config_arguments, parse_args
from mmgala.cli.post_hoc_arguments import (
    add_post_hoc_arguments,
    add_score_storage_argument,
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='trained checkpoint')
    parser.add_argument(
        'out', type=Path, help='checkpoint to write, OUT.pth; OUT.py is its config'
    )
    parser.add_argument(
        '--split',
        choices=['val', 'test'],
        default='val',
        help='data to fit the class mass of re-balancing on; the labels of val are '
        'used to weight its classes as the target prior says, those of test only to '
        'warn if they contradict it',
    )
    add_post_hoc_arguments(
        parser,
        're-balance with --tau auto, by the class mass of --split; the default if no '
        'other step is requested',
    )
    add_score_storage_argument(parser, test=False)
    parser.add_argument('--work-dir', help='where to save the log')
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.fit import run
    run(args)
