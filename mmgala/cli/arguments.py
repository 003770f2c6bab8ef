"""Command-line arguments that all tools take."""

import argparse
import os

from mmengine.config import DictAction


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``config`` and ``--cfg-options``."""
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override settings of the config, like model.head.num_classes=100 or '
        'key="[(a,b),(c,d)]"',
    )


def parse_launched_args(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Add ``--launcher`` and the local rank, and parse the command line."""
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    # torch.distributed.launch passes it; torchrun sets the environment instead.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args
