"""The work of ``mmgala merge``."""

import argparse

from mmgala.apis.merge_shards import merge_shares
from mmgala.console import say


def run(args: argparse.Namespace) -> None:
    """Merge the shares of a checkpoint."""
    classes = merge_shares(args.checkpoint, args.out)
    say(f'Wrote {args.out}, with all {classes} classes.')
