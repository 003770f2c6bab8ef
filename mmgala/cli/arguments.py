"""Command-line arguments that several commands share.

Parsers are built from these, so nothing here imports PyTorch or OpenMMLab early.
"""

import argparse
import contextlib
import io
import os
import re
import sys
from difflib import get_close_matches
from typing import Any

from mmgala.cli.command import importing
from mmgala.console.session import current_session
from mmgala.utils.package_configs import find_config
from mmgala.utils.ranks import processes_of_torchrun, speaks_for_all


class Settings(argparse.Action):
    """Reads ``KEY=VALUE`` pairs into a dict, as MMEngine's ``DictAction`` does.

    It refuses what that would crash on, or would turn into text without a word.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Read the values of the flag.

        Raises:
            ValueError: if one is not of the form ``KEY=VALUE``, or cannot be read.
        """
        for pair in values:
            self._check(f'{option_string} {pair}', *pair.partition('='))
        with importing():
            from mmengine.config import DictAction
        read = DictAction(self.option_strings, self.dest, nargs=self.nargs)
        read(parser, namespace, values, option_string)
        settings = getattr(namespace, self.dest)
        for pair in values:
            key, _, value = pair.partition('=')
            if ' ' in value.strip() and not set(value) & set(',()[]'):
                settings[key] = value.strip().strip('\'"')  # not without its spaces

    @staticmethod
    def _check(given: str, key: str, equals: str, value: str) -> None:
        if not equals or not all(part.strip() for part in key.split('.')):
            raise ValueError(
                f'{given}: expected KEY=VALUE, such as model.head.num_classes=100.'
            )
        for opening, closing in ('()', '[]'):
            if value.count(opening) != value.count(closing):
                raise ValueError(
                    f'{given}: {opening} without {closing}, or the reverse. Put the '
                    'whole option into quotes, such as key="[(a,b),(c,d)]".'
                )
        if re.search(r'\bdict\(|{', value):
            raise ValueError(
                f'{given}: the command line cannot express a dict. Set single values '
                'by dotted keys, such as model.head.loss.eps=1e-3, or write a config '
                'that has yours as its _base_.'
            )


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``config`` and ``--cfg-options``."""
    parser.add_argument(
        'config',
        type=find_config,
        help='config file; or the name of one of the package, such as '
        'gala/resnet14_digits-lt.py',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Settings,
        metavar='KEY=VALUE',
        help='override settings of the config, like model.head.num_classes=100 or '
        'key="[(a,b),(c,d)]"',
    )


def add_launcher_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--launcher`` and the local rank."""
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    # torch.distributed.launch passes it; torchrun sets the environment instead.
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help='set by launchers'
    )


def parse_launched_args(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line, and set the variable of the local rank for MMEngine.

    Args:
        parser: with the arguments of :func:`add_launcher_arguments`.
    """
    args = parse_args(parser)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def parse_args(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line, and keep what libraries print off the console.

    If the command line is wrong, one rank prints the usage.

    Raises:
        ValueError: if torchrun has started several processes that would not work
            together.
    """
    add_console_arguments(parser)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            args = parser.parse_args()
    except SystemExit:
        if speaks_for_all():
            sys.stderr.write(_with_similar_flags(said.getvalue(), parser))
        raise
    if (session := current_session()) is not None:
        session.start(args.verbose)
    _check_processes(parser.prog, getattr(args, 'launcher', None))
    return args


def _check_processes(command: str, launcher: str | None) -> None:
    """Refuse several processes, each of which would do all of the work.

    Args:
        command: its name.
        launcher: ``None`` for a command that works in one process.
    """
    processes = processes_of_torchrun()
    if processes == 1 or launcher not in (None, 'none'):
        return
    if launcher is None:
        raise ValueError(
            f'torchrun has started {processes} processes, but {command} works in one: '
            'call it without torchrun.'
        )
    raise ValueError(
        f'torchrun has started {processes} processes, but without --launcher each '
        'would do all of the work: add --launcher pytorch.'
    )


def _with_similar_flags(said: str, parser: argparse.ArgumentParser) -> str:
    """Add the flag that is most similar to one that a parser does not know."""
    known = {name[2:] for name in parser._option_string_actions if name[:2] == '--'}
    _, _, unknown = said.partition('unrecognized arguments: ')
    flags = (word.partition('=')[0] for word in unknown.split() if word[:2] == '--')
    hints = [
        f' Did you mean --{near[0]}?'
        for flag in flags
        if (near := get_close_matches(flag[2:], known, n=1))
    ]
    return said if not any(hints) else f'{said.rstrip()}.{"".join(hints)}\n'


def add_console_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--verbose``, which all commands have."""
    parser.add_argument(
        '-v',
        '--verbose',
        action='store_true',
        help='show all logs and warnings, also those of libraries, on stderr',
    )


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
