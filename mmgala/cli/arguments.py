"""Command-line arguments that several tools share."""

import argparse
import contextlib
import inspect
import io
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from mmgala.apis.config_sections import check_sections
from mmgala.cli.class_values import in_class_order, read_named_values
from mmgala.functional import ShotThresholds
from mmgala.utils.arrays import UNREADABLE, read_npy
from mmgala.utils.files import check_readable
from mmgala.utils.ranks import speaks_for_all

Classes = Sequence[str] | Callable[[], Sequence[str]]
# Sections that a config may lack, besides the arguments of Runner.
OPTIONAL_SECTIONS = ('custom_imports', 'runner_type', 'tta_model', 'tta_pipeline')


class Settings(DictAction):
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
        super().__call__(parser, namespace, values, option_string)

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
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Settings,
        metavar='KEY=VALUE',
        help='override settings of the config, like model.head.num_classes=100 or '
        'key="[(a,b),(c,d)]"',
    )


def merge_options(
    cfg: Config, options: Mapping[str, Any] | None, checkpoint: Any = None
) -> None:
    """Override settings of a config by ``--cfg-options``, and check its sections.

    A misspelt section would become a new one that nothing reads, so it is refused.
    Within a section, the classes that it configures refuse unknown arguments.

    Args:
        cfg: config, modified in place.
        options: values by dotted key; ``None`` without any.
        checkpoint: argument of the tool that names the weights, if it has one.

    Raises:
        ValueError: if a section looks like a misspelling of another one, or names other
            weights than ``checkpoint``; or if a section is not what it must be.
    """
    known = {*cfg, *inspect.signature(Runner.__init__).parameters, *OPTIONAL_SECTIONS}
    for key in options or {}:
        section = key.partition('.')[0]
        if checkpoint is not None and section in ('load_from', 'resume'):
            raise ValueError(
                f'--cfg-options {key}={(options or {})[key]}: this tool reads the '
                f'weights of its argument CHECKPOINT, {checkpoint}. Leave out the '
                'option, or pass the other file as CHECKPOINT.'
            )
        similar = get_close_matches(section, known, n=1, cutoff=0.8)
        if section not in known and similar:
            raise ValueError(
                f'--cfg-options {key}: the config has no section {section!r}. '
                f'Did you mean {similar[0]!r}?'
            )
    if options:
        cfg.merge_from_dict(options)
    check_sections(cfg)


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
    args = _parse(parser)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def _parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line; if it is wrong, one rank prints the usage."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return parser.parse_args()
    except SystemExit:
        if speaks_for_all():
            sys.stderr.write(said.getvalue())
        raise


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


def read_class_vector(path: str, classes: Classes = ()) -> list[float]:
    """Read one number per class.

    Args:
        path: JSON list, ``.npy`` or text with one number per line, in the order of the
            classes; or a JSON object or a CSV file with two columns, which name them.
        classes: names of the training classes, or a function that returns them, for
            files that name classes.

    Returns:
        Numbers in the order of the classes.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if its content is not one number per class, or class names are
            missing, repeated or unknown.
    """
    if not os.path.exists(path) or os.path.isdir(path):
        raise FileNotFoundError(f'{path} does not exist.')
    check_readable(path)
    try:
        named = read_named_values(path)
        values = _read_list(path) if named is None else np.zeros(0)
    except (TypeError, *UNREADABLE) as error:
        raise ValueError(
            f'{path} does not contain one number per class ({error}).'
        ) from error
    if named is not None:
        known = classes() if callable(classes) else classes
        return in_class_order(path, named, known)
    if values.ndim != 1:
        raise ValueError(
            f'{path} does not contain one number per class, but has shape '
            f'{values.shape}.'
        )
    return values.tolist()


def _read_list(path: str) -> np.ndarray:
    if path.endswith('.json'):
        return np.asarray(json.loads(Path(path).read_text()), dtype=np.float64)
    if path.endswith('.npy'):
        return np.asarray(read_npy(path), dtype=np.float64)
    return np.loadtxt(path, dtype=np.float64, ndmin=1)
