"""Write one checkpoint file from one whose classes are shared out among ranks.

A training with GALAHead(shard_classes=True) on several ranks writes epoch_3.pth and a
folder epoch_3.*.shards with the classes. OUT has both, without the state of the
optimizer. The other commands take OUT with the same config: they run in one process,
which has all classes.
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
        'checkpoint', type=Path, help='checkpoint with a folder .shards beside it'
    )
    parser.add_argument('out', type=Path, help='file to write')
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.merge import run
    run(args)
