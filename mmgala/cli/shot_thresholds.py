"""Flags of the analysis tools for the shot thresholds."""

import argparse
from collections.abc import Callable

from mmgala.functional import ShotThresholds


def add_threshold_arguments(parser: argparse.ArgumentParser, source: str) -> None:
    """Add ``--many`` and ``--few``; ``source`` says where their defaults come from."""
    parser.add_argument(
        '--many',
        type=int,
        help=f'classes with more training samples are many-shot; default: {source}',
    )
    parser.add_argument(
        '--few',
        type=int,
        help='classes with fewer training samples are few-shot; likewise',
    )


def check_threshold_arguments(args: argparse.Namespace) -> None:
    """Find thresholds in the wrong order before large files are read.

    Raises:
        ValueError: if both flags are given and ``--few`` exceeds ``--many``.
    """
    if args.many is not None and args.few is not None:
        ShotThresholds(args.many, args.few)


def choose_thresholds(
    args: argparse.Namespace, stated: ShotThresholds | None, say: Callable[[str], None]
) -> ShotThresholds:
    """The flags' thresholds, or else what the data state, or else the defaults.

    Args:
        args: with ``many`` and ``few``.
        stated: by the data.
        say: takes a line if the flags change what the data state, or nothing is stated.

    Raises:
        ValueError: if ``few`` exceeds ``many``.
    """
    chosen = (stated or ShotThresholds()).replaced(args.many, args.few)
    if stated is not None and chosen != stated:
        say(f'Shot thresholds: {chosen}, as the flags say, instead of {stated}.')
    elif stated is None and None in (args.many, args.few):
        say(
            f'The data state no shot thresholds: {chosen} are taken; --many and --few '
            'set others.'
        )
    return chosen
