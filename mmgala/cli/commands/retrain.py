"""Re-train or adjust only the classifier of a trained model, in minutes.

Features are computed once and reused for further methods and settings. Writes the
weights with the new classifier to OUT.pth and their config to OUT.py, and prints the
validation accuracy before and after. The test set is not used.
"""

from mmgala.cli.command import command, importing  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from mmgala.cli.arguments import Settings, add_config_arguments, parse_args
from mmgala.cli.post_hoc_arguments import add_target_prior_argument
from mmgala.names import RETRAINING_METHODS


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='trained checkpoint')
    parser.add_argument(
        'out', type=Path, help='checkpoint to write, OUT.pth; OUT.py is its config'
    )
    parser.add_argument(
        '--method',
        required=True,
        metavar='|'.join(RETRAINING_METHODS),
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
    return parser


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the methods that train."""
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


@command
def main() -> None:
    """Run the command."""
    args = parse_args(build_parser())
    with importing():
        from mmgala.cli.programs.retrain import run
    run(args)
