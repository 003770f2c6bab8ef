"""Test a classifier, with optional post-hoc steps, or a detector."""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse

from mmgala.cli.arguments import (
    add_config_arguments,
    add_launcher_arguments,
    parse_launched_args,
)
from mmgala.cli.post_hoc_arguments import (
    add_post_hoc_arguments,
    add_score_storage_argument,
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='where to save the log and the metrics')
    parser.add_argument(
        '--out',
        help='file for the predictions (.npz, or .pkl as in MMPretrain) or the metrics '
        '(.json, .yaml)',
    )
    parser.add_argument(
        '--out-item',
        choices=['metrics', 'pred'],
        help='what --out saves; default: according to its file extension',
    )
    add_post_hoc_arguments(
        parser,
        're-balance with --tau 1, by the class mass of the whole test set, whose '
        'classes are assumed to be balanced or as --target-prior says',
    )
    add_score_storage_argument(parser, test=True)
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 on a GPU, bfloat16 on a CPU',
    )
    parser.add_argument('--show-dir', help='where to save pictures of predictions')
    parser.add_argument('--show', action='store_true', help='show them in a window')
    parser.add_argument(
        '--interval', type=int, default=1, help='save every n-th picture'
    )
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds to show each window'
    )
    parser.add_argument(
        '--no-pin-memory', action='store_true', help='do not pin memory in loaders'
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help="test-time augmentation: the config's tta_pipeline and tta_model, or "
        'else the mean score of the image and its mirror image',
    )
    add_launcher_arguments(parser)
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_launched_args(build_parser())
    with importing():
        from mmgala.cli.programs.test import run
    run(args)
