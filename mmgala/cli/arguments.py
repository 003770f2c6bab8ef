"""Command-line arguments that all tools take."""

import argparse
import inspect
import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

# Sections that a config may lack, beside the arguments of Runner.
OPTIONAL_SECTIONS = ('custom_imports', 'runner_type', 'tta_model', 'tta_pipeline')


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


def merge_options(cfg: Config, options: Mapping[str, Any] | None) -> None:
    """Override settings of a config by ``--cfg-options``.

    A misspelt section would become a new one that nothing reads, so it is refused.
    Within a section, the classes that it configures refuse unknown arguments.

    Args:
        cfg: config, modified in place.
        options: values by dotted key; ``None`` without any.

    Raises:
        ValueError: if a section looks like a misspelling of another one.
    """
    known = {*cfg, *inspect.signature(Runner.__init__).parameters, *OPTIONAL_SECTIONS}
    for key in options or {}:
        section = key.partition('.')[0]
        similar = get_close_matches(section, known, n=1, cutoff=0.8)
        if section not in known and similar:
            raise ValueError(
                f'--cfg-options {key}: the config has no section {section!r}. '
                f'Did you mean {similar[0]!r}?'
            )
    if options:
        cfg.merge_from_dict(options)


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
