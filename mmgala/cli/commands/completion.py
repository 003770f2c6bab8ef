"""Print a script by which a shell completes commands, options and paths.

    mmgala completion bash > ~/.local/share/bash-completion/completions/mmgala
    mmgala completion zsh > _mmgala    # in a folder of $fpath

It holds in new shells. To try it in this bash: eval "$(mmgala completion bash)"
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
import importlib

from mmgala.cli.arguments import add_console_arguments, parse_args
from mmgala.cli.main import COMMANDS
from mmgala.console import result

SHELLS = ('bash', 'zsh')


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('shell', choices=SHELLS, help='the shell')
    return parser


def parser_of_all(path: object) -> argparse.ArgumentParser:
    """One parser with all commands.

    Args:
        path: what the library of completions knows as a path.
    """
    whole = argparse.ArgumentParser(prog='mmgala')
    whole.add_argument('--version', action='store_true', help='print the version')
    commands = whole.add_subparsers()
    for name, text in COMMANDS.items():
        own = importlib.import_module(f'mmgala.cli.commands.{name}').build_parser()
        add_console_arguments(own)
        for action in own._actions:
            if may_be_path(action):
                action.complete = path
        commands.add_parser(name, help=text, parents=[own], add_help=False)
    return whole


def may_be_path(action: argparse.Action) -> bool:
    """Whether an argument takes text, which is mostly a path."""
    return action.nargs != 0 and not action.choices and action.type not in (int, float)


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        try:
            import shtab
        except ImportError as error:
            raise ImportError(
                'Completion needs the package shtab: pip install shtab.'
            ) from error
    result(shtab.complete(parser_of_all(shtab.FILE), shell=args.shell))
