"""Compare methods for long-tailed data on one config, all else being equal.

Each method is trained with each seed; only its head, loss and hooks differ. If the
comparison is interrupted, run the same command again to continue. --list shows the
methods and their settings.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
from typing import Any

from mmgala.cli.arguments import add_config_arguments, parse_args
from mmgala.cli.post_hoc_arguments import add_target_prior_argument
from mmgala.console import result
from mmgala.names import METRIC_NAMES, POST_HOC, SELECTIONS


class ListMethods(argparse.Action):
    """The flag that lists the methods."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print the methods and exit."""
        with importing():
            from mmgala.comparison.additions import describe_additions
            from mmgala.comparison.methods import CATALOGUE, OWN_METHOD
        for method in (OWN_METHOD, *CATALOGUE.values()):
            result(method.describe())
        result('\n'.join(describe_additions()))
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--list',
        action=ListMethods,
        nargs=0,
        help='list the methods, and the source of each of their settings',
    )
    parser.add_argument(
        '--methods',
        nargs='+',
        metavar='METHOD',
        help='methods to compare, the first of which is the baseline; with settings: '
        'gala:lambda_pos=2,lambda_neg=2. config is the head and loss of CONFIG itself. '
        'Default: ce gala, and config if its loss is neither',
    )
    parser.add_argument(
        '--methods-file',
        help='Python file with further methods, methods = dict(my_method=dict(...))',
    )
    parser.add_argument(
        '--with',
        nargs='+',
        dest='additions',
        default=[],
        metavar='ADDITION',
        help='changes to the training of all methods: ema, sam, weight-decay, mixup; '
        'with settings: sam:rho=0.1',
    )
    parser.add_argument(
        '--seeds', type=int, default=3, help='number of seeds; default: 3'
    )
    parser.add_argument(
        '--first-seed', type=int, default=0, help='the first of them; default: 0'
    )
    parser.add_argument('--work-dir', help='directory for runs and results')
    parser.add_argument(
        '--selection',
        choices=SELECTIONS,
        default='last',
        help='epoch to evaluate: the last, or the best on the validation set',
    )
    parser.add_argument(
        '--post-hoc',
        nargs='+',
        default=[],
        choices=POST_HOC,
        metavar='STEPS',
        help='post-hoc steps to evaluate in additional rows, with strengths chosen on '
        f'the validation set: {", ".join(POST_HOC)}',
    )
    add_target_prior_argument(parser, 'the data that post-hoc steps optimise for')
    parser.add_argument(
        '--metrics', nargs='+', default=list(METRIC_NAMES), help='columns of the table'
    )
    parser.add_argument(
        '--workers',
        type=int,
        help='number of parallel runs; default: one per GPU or CPU core',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 on a GPU, bfloat16 on a CPU',
    )
    parser.add_argument(
        '--channels-last',
        action='store_true',
        help='channels-last memory format: often faster, especially with --amp',
    )
    parser.add_argument(
        '--only-report',
        action='store_true',
        help='write the results of finished runs without training',
    )
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.compare import run
    run(args)
