"""Re-train or adjust only the classifier of a trained model, in minutes.

Features are computed once and reused for further methods and settings. Writes the
weights with the new classifier to OUT.pth and their config to OUT.py, and prints the
validation accuracy before and after. The test set is not used.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from rich.console import Console

from mmgala.apis.launch import add_paths_to_image_errors, load_config
from mmgala.cli.arguments import Settings, add_config_arguments
from mmgala.cli.cfg_options import merge_options
from mmgala.cli.post_hoc import read_target_prior
from mmgala.cli.post_hoc_arguments import add_target_prior_argument
from mmgala.retraining import METHODS, RetrainOptions, retrain_classifier
from mmgala.utils.checkpoint import read_checkpoint, stored_class_names


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
        help='crt: train a new layer of the same kind, linear or cosine; lws: learn a '
        'factor for the logits of each class; tau-norm: normalise the class weight '
        'vectors; ncm: nearest class mean',
    )
    add_training_arguments(parser)
    parser.add_argument(
        '--tau',
        type=float,
        help='strength of tau-norm; default: the best on the validation set',
    )
    add_target_prior_argument(
        parser, 'the data to predict, for the tau that tau-norm chooses'
    )
    parser.add_argument(
        '--distance',
        metavar='cl2n|euclidean|cosine',
        help='distance to the class means of ncm; default: cl2n, euclidean with '
        'centred and normalised features',
    )
    parser.add_argument(
        '--features',
        type=Path,
        metavar='DIR',
        help='directory for features; default: features/ next to OUT',
    )
    parser.add_argument(
        '--layer',
        metavar='NAME',
        help='linear layer with the class weight vectors, such as head.fc; default: '
        'the one in model.head with one output per class',
    )
    return parser.parse_args()


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('training of crt and lws')
    group.add_argument(
        '--loss', metavar='NAME', help='such as mmgala.GALALoss; default: cross-entropy'
    )
    group.add_argument(
        '--loss-options',
        nargs='+',
        action=Settings,
        metavar='KEY=VALUE',
        help='arguments of the loss',
    )
    group.add_argument(
        '--sampling',
        metavar='class|instance',
        help='draw classes or samples with equal probability; default: class, or '
        'instance for a loss that compensates for class counts',
    )
    group.add_argument(
        '--init',
        metavar='new|trained',
        help='initial weights of crt: new ones or those of the trained model; '
        'default: new',
    )
    group.add_argument(
        '--epochs',
        type=int,
        help='default: 10 for crt and 5 for lws, more for small data sets',
    )
    group.add_argument(
        '--lr',
        type=float,
        help='initial learning rate, with cosine decay to 0; default: 0.2',
    )
    group.add_argument('--batch-size', type=int, help='default: 512')
    group.add_argument('--weight-decay', type=float, help='default: 5e-4')
    group.add_argument('--seed', type=int, default=0, help='default: 0')


def read_options(args: argparse.Namespace) -> RetrainOptions:
    if args.loss is None and args.loss_options is not None:
        raise ValueError('--loss-options requires --loss NAME.')
    loss = None
    if args.loss is not None:
        loss = dict(args.loss_options or {}, type=args.loss)
    names = (
        'sampling', 'init', 'epochs', 'lr', 'batch_size', 'weight_decay', 'tau',
        'distance', 'seed',
    )  # fmt: skip
    return RetrainOptions(
        loss=loss,
        target_prior=read_target_prior(
            args.target_prior,
            lambda: stored_class_names(read_checkpoint(args.checkpoint)),
        ),
        **{name: getattr(args, name) for name in names},
    )


@command
def main() -> None:
    args = parse_args()
    add_paths_to_image_errors()
    options = read_options(args)
    cfg = load_config(args.config)
    merge_options(cfg, args.cfg_options, args.checkpoint)
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
    console.print(
        f'Wrote the new classifier to {out}; use it with {out.with_suffix(".py")}.'
    )


if __name__ == '__main__':
    main()
