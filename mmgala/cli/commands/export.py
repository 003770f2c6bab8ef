"""Export a trained classifier to ONNX or torch.export, to serve it without mmgala.

OUT takes images (N, C, H, W), float32 in RGB order, and gives scores (N, classes):
normalisation, post-hoc steps and softmax are inside. Its metadata name the classes. It
is checked against the checkpoint on images of the config's test set.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from mmgala.cli.arguments import add_config_arguments, parse_args


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        'checkpoint', help='trained checkpoint, such as one that mmgala fit wrote'
    )
    parser.add_argument('out', type=Path, help='file to write, OUT.onnx or OUT.pt2')
    parser.add_argument(
        '--opset', type=int, metavar='N', help='ONNX operator set; default: 18'
    )
    parser.add_argument(
        '--check-images',
        type=int,
        default=64,
        metavar='N',
        help='check the file on the first N images of the test set, or else of the '
        'validation set; 0: on none',
    )
    parser.add_argument(
        '--tolerance',
        type=float,
        default=1e-4,
        help='largest difference between a score of OUT and of the checkpoint that is '
        'accepted; default: 1e-4',
    )
    parser.add_argument(
        '--input-size',
        type=int,
        nargs=3,
        metavar=('C', 'H', 'W'),
        help='channels, height and width of the images, for --check-images 0',
    )
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.export import run
    run(args)
