"""Download, unpack and verify a data set, so that the configs find it.

    python tools/prepare_data.py cifar100
    python tools/prepare_data.py cifar100 --source folder_or_archive_of_png_files
    python tools/prepare_data.py plankton --source train.zip
    python tools/prepare_data.py places-lt --root /data/places365 --dry-run
    python tools/prepare_data.py imagenet-lt --check

CIFAR and PlanktonSet become NumPy files. Their source is the published archive, the
folder that it unpacks to, or class folders of image files ({train,test}/CLASS/*.png for
CIFAR, CLASS/*.jpg for PlanktonSet) in a folder, a zip or a tar archive.

The same command continues an interrupted run. Files get their final names only when
they are complete and verified.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from mmgala.preparation import (
    DATA_SET_NAMES,
    check,
    delete_archives,
    describe_plan,
    find_data_set,
    make_plan,
    run_plan,
)


def parse_args() -> argparse.Namespace:
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
    return parser.parse_args()


def prepare(args: argparse.Namespace) -> None:
    wanted = find_data_set(args.name)
    root = args.root if args.root is not None else Path(wanted.root)
    if not args.check:
        plan = make_plan(wanted, root, args.source)
        print(describe_plan(plan, wanted, root), flush=True)
        if args.dry_run:
            return
        run_plan(plan, wanted, root, args.source)
    print(f'checking {root}', flush=True)
    report = check(wanted, root)
    print(report.table())
    if report.problems:
        print('\n'.join(report.problems), flush=True)
        raise ValueError(
            f'{args.name} in {root} differs from the published data set (problems: '
            f'{len(report.problems)}), first: {report.problems[0]}. Run this without '
            '--check to complete it; remove incomplete image folders first.'
        )
    if args.delete_archives:
        delete_archives(wanted.parts, root)
    print(f'{args.name} in {root} is complete')


@command
def main() -> None:
    prepare(parse_args())


if __name__ == '__main__':
    main()
