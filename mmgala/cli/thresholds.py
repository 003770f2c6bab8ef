"""``--many`` and ``--few``: the thresholds of the shot groups."""

import argparse
from collections.abc import Callable

from mmgala.functional import ShotThresholds


def check_threshold_arguments(args: argparse.Namespace) -> None:
    """Check the order of the thresholds, before large files are read.

    Raises:
        ValueError: if both flags are given and ``--few`` exceeds ``--many``.
    """
    if args.many is not None and args.few is not None:
        ShotThresholds(args.many, args.few)


def choose_thresholds(
    args: argparse.Namespace, stated: ShotThresholds | None, say: Callable[[str], None]
) -> ShotThresholds:
    """Choose the thresholds of the flags or, without those, of the data.

    Args:
        args: parsed flags, with ``many`` and ``few``.
        stated: thresholds stated by the data; None for the defaults.
        say: function that prints a line. It is called if the flags differ from the
            data, or the defaults are used.

    Raises:
        ValueError: if ``few`` exceeds ``many``.
    """
    chosen = (stated or ShotThresholds()).replaced(args.many, args.few)
    if stated is not None and chosen != stated:
        say(f'Shot thresholds: {chosen}, by --many and --few, instead of {stated}.')
    elif stated is None and None in (args.many, args.few):
        say(
            f'The data state no shot thresholds: using {chosen}. Change them with '
            '--many and --few.'
        )
    return chosen
