"""Compare class weight vectors with the features of a data set.

A class weight vector is a row of the last linear layer's weight. This measures its norm
and its mean cosine similarity to the features of its own class and of all other
classes. Writes FILE.json, FILE.csv (one row per class), FILE.png and FILE.svg.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from rich.console import Console

from mmgala.analysis import vectors_table, write_class_vectors
from mmgala.apis.class_vectors import measure_class_vectors
from mmgala.apis.launch import add_paths_to_image_errors, load_config
from mmgala.cli.arguments import add_config_arguments, add_threshold_arguments
from mmgala.cli.cfg_options import merge_options
from mmgala.cli.thresholds import check_threshold_arguments, choose_thresholds
from mmgala.evaluation.shot_thresholds import resolve_thresholds
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.files import check_writable
from mmgala.visualization import plot_class_vectors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', type=Path, help='trained checkpoint')
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='test',
        help='split to predict; training images are not augmented',
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='FILE.json',
        help='default: class_vectors.json next to the checkpoint',
    )
    parser.add_argument(
        '--layer',
        metavar='NAME',
        help='linear layer with the class weight vectors, such as head.fc; default: '
        'the one in model.head with one output per class',
    )
    add_threshold_arguments(parser, 'those of the config or the checkpoint')
    return parser.parse_args()


def check_args(args: argparse.Namespace) -> None:
    check_threshold_arguments(args)
    args.out = args.out or args.checkpoint.with_name('class_vectors.json')
    if args.out.suffix != '.json':
        raise ValueError(f'--out must end in .json, but is {args.out}.')
    check_writable(args.out)


@command
def main() -> None:
    args = parse_args()
    add_paths_to_image_errors()
    check_args(args)
    cfg = load_config(args.config)
    merge_options(cfg, args.cfg_options, args.checkpoint)
    console = Console(soft_wrap=True, markup=False, highlight=False)
    stated = resolve_thresholds(cfg, read_checkpoint(args.checkpoint))
    thresholds = choose_thresholds(args, stated, console.print)
    report = measure_class_vectors(
        cfg, args.checkpoint, args.split, args.layer, thresholds, console
    )
    write_class_vectors(args.out, report)
    for ending in ('.png', '.svg'):
        plot_class_vectors(
            [entry['count'] for entry in report['classes']],
            {args.checkpoint.stem: report},
            args.out.with_suffix(ending),
            thresholds=thresholds,
        )
    console.print(f'Class weight vectors are the rows of {report["layer"]}.weight.')
    console.print(vectors_table(report))
    console.print(f'Wrote numbers and plots to {args.out} and next to it.')


if __name__ == '__main__':
    main()
