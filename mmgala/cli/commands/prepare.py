"""Download, unpack and verify a data set, so that the configs find it.

    %(prog)s cifar100
    %(prog)s cifar100 --source folder_or_archive_of_png_files
    %(prog)s plankton --source train.zip
    %(prog)s places-lt --root /data/places365 --dry-run
    %(prog)s imagenet-lt --check

CIFAR and PlanktonSet become NumPy files. Their source is the published archive, the
folder that it unpacks to, or class folders of image files ({train,test}/CLASS/*.png for
CIFAR, CLASS/*.jpg for PlanktonSet) in a folder, a zip or a tar archive.

The same command continues an interrupted run. Files get their final names only when
they are complete and verified.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from mmgala.cli.arguments import parse_args
from mmgala.names import DATA_SET_NAMES


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('name', choices=DATA_SET_NAMES, help='the data set')
    parser.add_argument(
        '--root',
        type=Path,
        help='folder of the data set (default: where the configs look for it)',
    )
    parser.add_argument(
        '--source',
        type=Path,
        metavar='FOLDER|FILE',
        help='take missing files from this folder or archive of images instead of '
        'downloading them',
    )
    parser.add_argument(
        '--delete-archives',
        action='store_true',
        help='delete the archives in the root after unpacking and verification',
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--dry-run', action='store_true', help='show what would be done, and exit'
    )
    group.add_argument(
        '--check', action='store_true', help='only verify the existing files'
    )
    return parser


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.prepare import run
    run(args)
