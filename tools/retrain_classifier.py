"""Adjust or re-train only the classifier of a finished training: minutes, not epochs.

Features are computed once and kept; every further method and setting starts from them.
Writes OUT, the weights with the new classifier, and next to it a config that uses them.
Prints accuracies on the validation set, before and after; the test set is not touched.
"""

import argparse
from pathlib import Path

from mmengine.config import DictAction
from rich.console import Console

from mmgala.apis.image_errors import name_unreadable_images
from mmgala.apis.launch import load_config, one_line_errors
from mmgala.cli.arguments import add_config_arguments
from mmgala.retraining import METHODS, RetrainOptions, retrain_classifier


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='trained checkpoint')
    parser.add_argument(
        'out', type=Path, help='checkpoint to write, OUT.pth; OUT.py is its config'
    )
    parser.add_argument(
        '--method',
        required=True,
        metavar='|'.join(METHODS),
        help='crt: a new layer, linear or cosine as the old one; lws: a learnt factor '
        'on the logits of each class; tau-norm: class vectors of like norms; ncm: '
        'nearest class mean',
    )
    add_training_arguments(parser)
    parser.add_argument(
        '--tau',
        type=float,
        help='strength of tau-norm; default: the best one on the validation set',
    )
    parser.add_argument(
        '--distance',
        metavar='cl2n|euclidean|cosine',
        help='to the class means of ncm; default: cl2n, euclidean on centred and '
        'normalised features',
    )
    parser.add_argument(
        '--features',
        type=Path,
        metavar='DIR',
        help='where features are kept; default: features/ beside OUT',
    )
    parser.add_argument(
        '--layer',
        metavar='NAME',
        help='linear layer that holds the class vectors, like head.fc; default: the '
        'one in model.head with an output per class',
    )
    return parser.parse_args()


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('training of crt and lws')
    group.add_argument(
        '--loss', metavar='NAME', help='like mmgala.GALALoss; default: cross-entropy'
    )
    group.add_argument(
        '--loss-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='arguments of the loss',
    )
    group.add_argument(
        '--sampling',
        metavar='class|instance',
        help='every class alike, or every sample alike; default: class, but instance '
        'with a loss that makes up for the class counts',
    )
    group.add_argument(
        '--init',
        metavar='new|trained',
        help='weights that crt starts from: new ones by default, or those of the '
        'trained model',
    )
    group.add_argument(
        '--epochs',
        type=int,
        help='default: 10 for crt and 5 for lws, more on small sets',
    )
    group.add_argument(
        '--lr',
        type=float,
        help='of the first epoch, 0.2 by default; then a cosine to 0',
    )
    group.add_argument('--batch-size', type=int, help='512 by default')
    group.add_argument('--weight-decay', type=float, help='5e-4 by default')
    group.add_argument('--seed', type=int, default=0, help='0 by default')


def read_options(args: argparse.Namespace) -> RetrainOptions:
    if args.loss is None and args.loss_options is not None:
        raise ValueError('--loss-options need --loss NAME.')
    loss = None
    if args.loss is not None:
        loss = dict(args.loss_options or {}, type=args.loss)
    names = (
        'sampling', 'init', 'epochs', 'lr', 'batch_size', 'weight_decay', 'tau',
        'distance', 'seed',
    )  # fmt: skip
    return RetrainOptions(loss=loss, **{name: getattr(args, name) for name in names})


def main() -> None:
    args = parse_args()
    with one_line_errors():
        name_unreadable_images()
        options = read_options(args)
        cfg = load_config(args.config)
        if args.cfg_options is not None:
            cfg.merge_from_dict(args.cfg_options)
        console = Console(soft_wrap=True, markup=False, highlight=False)
        out = retrain_classifier(
            cfg,
            args.checkpoint,
            args.out,
            args.method,
            options,
            features=args.features,
            layer=args.layer,
            console=console,
        )
        console.print(f'The new classifier is in {out}; use it with '
                      f'{out.with_suffix(".py")}.')  # fmt: skip


if __name__ == '__main__':
    main()
