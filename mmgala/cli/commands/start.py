"""From a folder of images to a trained model, in one command.

    %(prog)s data/flowers            # data/flowers/{daisy,rose,...}/*.jpg
    %(prog)s data/flowers --compare  # also train with cross-entropy, and compare
    %(prog)s data/flowers --dry-run  # only show what would be done

DATA is a folder with a folder of images for each class; or one with train/ and, if you
like, val/ and test/, each with such folders; or a CSV file with the columns path, label
and, if you like, split. It is only read. Interrupted, the same command goes on.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
import os
from pathlib import Path

from mmgala.cli.arguments import parse_args
from mmgala.cli.post_hoc_arguments import add_target_prior_argument


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('data', type=Path, metavar='DATA', help='folder, or CSV file')
    parser.add_argument(
        '--dry-run', action='store_true', help='show the plan, and write nothing'
    )
    parser.add_argument(
        '--compare',
        nargs='*',
        metavar='METHOD',
        help='also train these methods, with the same images and settings, and compare '
        'GALA and the others with the first of them; default: ce, cross-entropy',
    )
    group = parser.add_argument_group('where to write')
    group.add_argument('--name', help="name of the work dir; default: DATA's")
    group.add_argument(
        '--work-dir', type=Path, help='folder for all results; default: work_dirs/NAME'
    )
    group = parser.add_argument_group('parts of the images, unless DATA has its own')
    group.add_argument(
        '--val-fraction',
        type=float,
        default=0.2,
        metavar='SHARE',
        help='share of each class for validation; default: 0.2',
    )
    group.add_argument(
        '--test-fraction',
        type=float,
        default=0.2,
        metavar='SHARE',
        help='share of each class for testing; default: 0.2',
    )
    add_training_arguments(parser)
    group = parser.add_argument_group('after the training')
    add_target_prior_argument(group, 'the images that the model will see')
    return parser


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the training."""
    group = parser.add_argument_group('training; the defaults follow from the images')
    group.add_argument(
        '--backbone',
        metavar='NAME',
        help='resnet18, resnet50, convnext-tiny, swin-tiny or another model of '
        'MMPretrain; or small, a small network that needs no pretrained weights',
    )
    group.add_argument(
        '--pretrained',
        metavar='FILE|none',
        help='file with pretrained weights of the backbone; default: those of '
        'ImageNet, if they are on this computer or can be downloaded',
    )
    group.add_argument('--image-size', type=int, metavar='PIXELS')
    group.add_argument('--epochs', type=int)
    group.add_argument(
        '--seed', type=int, default=0, help='of the parts and the training; default: 0'
    )
    group.add_argument(
        '--device',
        metavar='cpu|cuda',
        help='default: all GPUs, or else the CPU; cuda:1 is the second GPU',
    )


def choose_device(device: str | None) -> None:
    """Hide the GPUs that are not to be used, before PyTorch is imported.

    Raises:
        ValueError: if the name is not of the form cpu, cuda or cuda:N.
    """
    if device is None or device == 'cuda':
        return
    kind, _, number = device.partition(':')
    if kind == 'cpu' and not number:
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    elif kind == 'cuda' and number.isdecimal():
        os.environ['CUDA_VISIBLE_DEVICES'] = number
    else:
        raise ValueError(f'--device must be cpu, cuda or cuda:N, but is {device!r}.')


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    choose_device(args.device)
    with importing():
        from mmgala.cli.programs.start import run
    run(args)
