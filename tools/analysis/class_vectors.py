"""Measure class vectors against the features of a data set.

For each class vector, a row of the last linear layer's weight: its norm, and its mean
cosine to the features of its own class and of all other classes. Writes FILE.json, and
beside it FILE.csv (one row per class), FILE.png and FILE.svg.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from rich.console import Console
from rich.progress import track
from torch import nn
from torch.utils.data import DataLoader

from mmgala.analysis.class_vectors import FeatureSums, describe_class_vectors
from mmgala.analysis.predictions import describe_classes
from mmgala.analysis.vector_tables import vectors_table, write_class_vectors
from mmgala.engine.arguments import add_config_arguments
from mmgala.engine.checkpoint import read_checkpoint, stored_class_counts
from mmgala.engine.class_layer import find_class_layer, inputs_of
from mmgala.engine.image_errors import name_unreadable_images
from mmgala.engine.inference import build_whole_split, load_model
from mmgala.engine.launch import load_config, one_line_errors
from mmgala.evaluation.scores import stack_targets
from mmgala.functional import shot_groups
from mmgala.visualization.vector_plots import plot_class_vectors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', type=Path, help='trained checkpoint')
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='test',
        help='whose images; training images are prepared as test images are',
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='FILE.json',
        help='default: class_vectors.json beside the checkpoint',
    )
    parser.add_argument(
        '--layer',
        metavar='NAME',
        help='linear layer that holds the class vectors, like head.fc; default: the '
        'one in model.head with an output per class',
    )
    parser.add_argument(
        '--many', type=int, default=100, help='more training samples are many-shot'
    )
    parser.add_argument(
        '--few', type=int, default=20, help='fewer training samples are few-shot'
    )
    return parser.parse_args()


def check_args(args: argparse.Namespace) -> None:
    shot_groups([], args.many, args.few)  # checks the limits
    args.out = args.out or args.checkpoint.with_name('class_vectors.json')
    if args.out.suffix != '.json':
        raise ValueError(f'--out must end in .json, but is {args.out}.')


def training_counts(
    checkpoint: dict, loader: DataLoader, num_classes: int, path: Path
) -> Sequence[int]:
    """Training samples of each class, from the checkpoint or else the data set."""
    metainfo = getattr(loader.dataset, 'metainfo', None) or {}
    counts = stored_class_counts(checkpoint) or metainfo.get('class_counts')
    if counts is None:
        raise ValueError(
            f'The training counts of the classes are not in {path}: train with '
            "custom_hooks=[dict(type='mmgala.ClassCountsHook')], or wrap the training "
            'set with mmgala.LongTailedDataset.'
        )
    if len(counts) != num_classes:
        raise ValueError(
            f'The training set counts {len(counts)} classes, but the layer has '
            f'{num_classes} class vectors: name another with --layer.'
        )
    return list(counts)


@torch.no_grad()
def sum_features(
    model: BaseModel, layer: nn.Linear, loader: DataLoader, console: Console
) -> FeatureSums:
    """Let the model predict the whole data set, and sum what goes into the layer."""
    sums = FeatureSums(layer.out_features)
    with inputs_of(layer) as features:
        for data in track(loader, 'Features', total=len(loader), console=console):
            samples = model.test_step(data)
            labels = stack_targets([sample.to_dict() for sample in samples])
            if len(features) != 1:
                raise ValueError(
                    f'Expected the layer to be used once for a batch, but it was '
                    f'used {len(features)} times: name another with --layer.'
                )
            sums.add(features.pop(), labels)
    return sums


def measure(cfg: Config, args: argparse.Namespace, console: Console) -> dict:
    checkpoint = read_checkpoint(args.checkpoint)
    loader = build_whole_split(cfg, args.split)
    model = load_model(cfg, checkpoint, args.checkpoint)
    name, layer = find_class_layer(model, args.layer)
    counts = training_counts(checkpoint, loader, layer.out_features, args.checkpoint)
    names = (getattr(loader.dataset, 'metainfo', None) or {}).get('classes') or ()
    console.print(f'Class vectors are the rows of {name}.weight.')
    sums = sum_features(model, layer, loader, console)
    limits = {'many': args.many, 'few': args.few}
    return {
        'split': args.split,
        'layer': name,
        **describe_class_vectors(sums, layer.weight, layer.bias, counts, **limits),
        'classes': describe_classes(
            counts, names if len(names) == len(counts) else None, **limits
        ),
        'limits': limits,
    }


def main() -> None:
    args = parse_args()
    with one_line_errors():
        name_unreadable_images()
        check_args(args)
        cfg = load_config(args.config)
        if args.cfg_options is not None:
            cfg.merge_from_dict(args.cfg_options)
        console = Console(soft_wrap=True)
        report = measure(cfg, args, console)
        write_class_vectors(args.out, report)
        for ending in ('.png', '.svg'):
            plot_class_vectors(
                [entry['count'] for entry in report['classes']],
                {args.checkpoint.stem: report},
                args.out.with_suffix(ending),
                limits=(args.many, args.few),
            )
        console.print(vectors_table(report))
        console.print(f'Numbers and pictures are in {args.out} and beside it.')


if __name__ == '__main__':
    main()
