"""Create a small long-tailed data set in LVIS format from Fashion-MNIST items.

    python tools/prepare_data.py fashion-mnist
    python -m projects.collage_lvis.make_set

The collages have 30 classes (10 kinds of item in 3 tints) with exact boxes and masks:
rare, common and frequent ones in the training split, and equally many images of each in
the validation and test split. The same settings give the same bytes.
"""

import argparse
from pathlib import Path

from mmgala.cli.command import command
from projects.collage_lvis.collage_set import make_collage_set
from projects.collage_lvis.overview import summarise
from projects.collage_lvis.planning import CollageSettings


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--fashion-mnist',
        type=Path,
        default=Path('data/fashion_mnist'),
        metavar='FOLDER',
        help='Fashion-MNIST, unpacked (default: %(default)s)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('data/collage_lvis'),
        metavar='FOLDER',
        help='folder to create (default: %(default)s)',
    )
    defaults = CollageSettings()
    for name, text in (
        ('seed', 'random seed'),
        ('max_images', 'training images of the most frequent class'),
        ('min_images', 'training images of the rarest class'),
        ('per_class', 'images of each class in the validation and the test split'),
    ):
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            type=int,
            default=getattr(defaults, name),
            help=f'{text} (default: %(default)s)',
        )
    return parser.parse_args()


@command
def main() -> None:
    args = parse_args()
    settings = CollageSettings(
        args.seed, args.max_images, args.min_images, args.per_class
    )
    made = make_collage_set(args.fashion_mnist, args.out, settings)
    print(f'{args.out} {"is complete" if made else "exists already"}')
    print(summarise(args.out))
    print(f'{args.out / "overview.png"} shows some of the collages')


if __name__ == '__main__':
    main()
