"""Command-line flags of post-hoc steps."""

import argparse
from typing import Final

from mmgala.names import RECOMPUTE, SCORE_STORAGE, STEP_TEXTS

# Values of --target-prior, besides the path of a file.
BALANCED: Final = 'balanced'
TRAIN: Final = 'train'
VAL: Final = 'val'


def flag(name: str) -> str:
    """Flag for the strength of a step."""
    return '--tau' if name == 'rebalancing' else f'--{name.replace("_", "-")}'


def add_post_hoc_arguments(parser: argparse.ArgumentParser, rebalance: str) -> None:
    """Add the flags of all steps; ``rebalance`` is the help of ``--rebalance``."""
    parser.add_argument('--rebalance', action='store_true', help=rebalance)
    for name, step in STEP_TEXTS.items():
        parser.add_argument(
            flag(name),
            dest=name,
            metavar='FLOAT|auto',
            help=f'{step.title}: {step.purpose}; auto: choose it on the validation set',
        )
    add_target_prior_argument(parser, 'the data to predict')


def add_target_prior_argument(parser: argparse._ActionsContainer, data: str) -> None:
    """Add ``--target-prior``; ``data`` names what has these class shares."""
    parser.add_argument(
        '--target-prior',
        metavar='balanced|train|val|FILE',
        help=f'class shares of {data}: balanced (default), those of the training set, '
        'those of the labels of the validation set, or those in a file, summing to 1: '
        'a JSON list, .npy, or text with one number per line; or a JSON object or a '
        'CSV file with class names and numbers',
    )


def add_score_storage_argument(parser: argparse.ArgumentParser, test: bool) -> None:
    """Add ``--score-storage``, for a test or for the fit of steps."""
    text = (
        'where to keep the scores of the data set until all are predicted: memory; '
        'file, a temporary one in the folder TMPDIR; half or half-file, with half the '
        'bytes and rounded; auto (default), memory up to 256 MiB and else file'
    )
    if test:
        text += f'; {RECOMPUTE}: predict the test set twice and re-balance without'
    choices = [*SCORE_STORAGE, RECOMPUTE] if test else SCORE_STORAGE
    parser.add_argument('--score-storage', choices=choices, help=text)
