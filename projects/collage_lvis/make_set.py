"""Make a small long-tailed set in LVIS's format: collages of Fashion-MNIST's items.

    python tools/prepare_data.py fashion-mnist
    python -m projects.collage_lvis.make_set

30 classes (10 kinds of item in 3 tints) with exact boxes and masks: rare, common and
frequent ones in the training part, equally many images of each in the validation and
test part. The same settings give the same bytes.
"""

import argparse
from pathlib import Path

from mmgala.apis.launch import one_line_errors
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
        help='folder to make (default: %(default)s)',
    )
    defaults = CollageSettings()
    for name, text in (
        ('seed', 'of everything random'),
        ('max_images', 'training images that show the most frequent class'),
        ('min_images', 'training images that show the rarest class'),
        ('per_class', 'images of each class in the validation and the test part'),
    ):
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            type=int,
            default=getattr(defaults, name),
            help=f'{text} (default: %(default)s)',
        )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_line_errors():
        settings = CollageSettings(
            args.seed, args.max_images, args.min_images, args.per_class
        )
        made = make_collage_set(args.fashion_mnist, args.out, settings)
        print(f'{args.out} {"is complete" if made else "exists already"}')
        print(summarise(args.out))
        print(f'{args.out / "overview.png"} shows some of it')


if __name__ == '__main__':
    main()
