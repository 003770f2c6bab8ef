"""Train a model from an OpenMMLab config, with the flags of MMPretrain's train.py.

A config with `stage1` is trained in two stages, one after the other. To skip the first,
pass --cfg-options load_from=CHECKPOINT.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse

from mmgala.cli.arguments import (
    add_config_arguments,
    add_launcher_arguments,
    parse_launched_args,
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('--work-dir', help='where to save logs and checkpoints')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from CHECKPOINT, or from the latest one in the work dir',
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
        '--no-validate', action='store_true', help='do not evaluate while training'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate by the actual batch size over the config's",
    )
    parser.add_argument(
        '--no-pin-memory', action='store_true', help='do not pin memory in data loaders'
    )
    parser.add_argument(
        '--no-persistent-workers',
        action='store_true',
        help='restart the data loader workers in each epoch',
    )
    add_launcher_arguments(parser)
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_launched_args(build_parser())
    with importing():
        from mmgala.cli.programs.train import run
    run(args)
