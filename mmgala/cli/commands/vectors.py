"""Compare class weight vectors with the features of a data set.

A class weight vector is a row of the last linear layer's weight. This measures its norm
and its mean cosine similarity to the features of its own class and of all other
classes. Writes FILE.json, FILE.csv (one row per class), FILE.png and FILE.svg.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from mmgala.cli.arguments import (
    add_config_arguments,
    add_threshold_arguments,
    parse_args,
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', type=Path, help='trained checkpoint')
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='test',
        help='split to predict; training images are not augmented',
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='FILE.json',
        help='default: class_vectors.json next to the checkpoint',
    )
    parser.add_argument(
        '--layer',
        metavar='NAME',
        help='linear layer with the class weight vectors, such as head.fc; default: '
        'the one in model.head with one output per class',
    )
    add_threshold_arguments(parser, 'those of the config or the checkpoint')
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.vectors import run
    run(args)
