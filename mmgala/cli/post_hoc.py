"""Flags of the tools for post-hoc steps, and how they are chosen."""

import argparse
from collections.abc import Sequence

import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.runner import Runner
from torch import Tensor

from mmgala.apis.launch import read_class_vector
from mmgala.evaluation.selection import PostHocChoice, choose_post_hoc
from mmgala.functional.post_hoc import PostHocSteps, check_temperature
from mmgala.functional.rebalance import check_tau, class_shares
from mmgala.utils.checkpoint import stored_class_counts

TRAIN = 'train'  # of --target-prior: the class shares of the training set


def add_post_hoc_arguments(parser: argparse.ArgumentParser, rebalance: str) -> None:
    """Add the flags of all steps; ``rebalance`` is the help of ``--rebalance``."""
    parser.add_argument('--rebalance', action='store_true', help=rebalance)
    parser.add_argument(
        '--tau',
        metavar='FLOAT|auto',
        help='strength of re-balancing; auto: the best one on the validation set',
    )
    parser.add_argument(
        '--logit-adjustment',
        metavar='FLOAT|auto',
        help='adjust the logits for the class counts of the training, with this '
        'strength (1 is the theory), before any re-balancing; auto: the best one on '
        'the validation set',
    )
    parser.add_argument(
        '--temperature',
        metavar='FLOAT|auto',
        help='divide the logits by this at last: above 1, scores become less certain; '
        'auto: the most likely one on the validation set',
    )
    parser.add_argument(
        '--target-prior',
        metavar='FILE|train',
        help='class shares of the data to predict, if they are not balanced, summing '
        'to 1: a JSON list, .npy, or text with one number a line; train: those of the '
        'training set',
    )


def check_post_hoc_arguments(args: argparse.Namespace) -> None:
    """Turn the strengths into numbers, ``'auto'`` or ``None``.

    Raises:
        ValueError: if one is neither, or a flag would have no effect.
    """
    prior_is_used = (
        args.rebalance
        or args.logit_adjustment is not None
        or args.temperature == 'auto'
    )
    if (args.tau is not None and not args.rebalance) or (
        args.target_prior is not None and not prior_is_used
    ):
        raise ValueError(
            '--tau and --target-prior need --rebalance; the prior also serves '
            '--logit-adjustment and --temperature auto.'
        )
    for name, check, bound in (
        ('tau', check_tau, '>= 0'),
        ('logit_adjustment', check_tau, '>= 0'),
        ('temperature', check_temperature, '> 0'),
    ):
        given = getattr(args, name)
        if given in (None, 'auto'):
            continue
        try:
            check(float(given))
        except ValueError as error:
            flag = f'--{name.replace("_", "-")}'
            raise ValueError(
                f'{flag} takes a number {bound} or auto: {error}'
            ) from error
        setattr(args, name, float(given))


def asked_for(args: argparse.Namespace) -> list[str]:
    """The flags of the steps that are to be taken."""
    flags = ['--rebalance'] if args.rebalance else []
    if args.logit_adjustment is not None:
        flags.append('--logit-adjustment')
    if args.temperature is not None:
        flags.append('--temperature')
    return flags


def to_choose(args: argparse.Namespace) -> list[str]:
    """The flags whose value is ``auto``."""
    names = ('tau', 'logit_adjustment', 'temperature')
    auto = [name for name in names if getattr(args, name) == 'auto']
    return [f'--{name.replace("_", "-")}' for name in auto]


def class_counts_of(checkpoint: dict, args: argparse.Namespace) -> list[int] | None:
    """Class counts of a checkpoint, where a flag needs them.

    Raises:
        ValueError: if the checkpoint has none.
    """
    if args.logit_adjustment is None and args.target_prior != TRAIN:
        return None
    counts = stored_class_counts(checkpoint)
    if counts is None:
        adjusts = args.logit_adjustment is not None
        flag = '--logit-adjustment' if adjusts else f'--target-prior {TRAIN}'
        other = 'use --rebalance, which needs none' if adjusts else 'give a FILE'
        raise ValueError(
            f'{flag} needs the class counts of the training, and the checkpoint has '
            'none: train with mmgala.ClassCountsHook (it is in '
            f'configs/_base_/default_runtime.py), or {other}.'
        )
    return counts


def collect_validation_scores(cfg: Config) -> None:
    """Let a run over the validation set give its scores and labels."""
    cfg.val_evaluator = dict(type='mmgala.ScoreDump')
    if cfg.get('val_cfg') is None:
        cfg.val_cfg = dict()


def steps_of(args: argparse.Namespace, class_counts: list[int] | None) -> PostHocSteps:
    """The steps as the flags have them; what is ``auto`` does nothing yet."""

    def value(given: float | str | None, neutral: float) -> float | None:
        return neutral if given == 'auto' else given  # type: ignore[return-value]

    return PostHocSteps(
        value(args.logit_adjustment, 0.0),
        value(1.0 if args.tau is None else args.tau, 0.0) if args.rebalance else None,
        value(args.temperature, 1.0),
        class_counts=None
        if class_counts is None or args.logit_adjustment is None
        else torch.tensor(class_counts),
        target_prior=read_target_prior(args.target_prior, class_counts),
    )


def read_target_prior(
    given: str | None, class_counts: Sequence[int] | None
) -> Tensor | None:
    """What ``--target-prior`` says, ``(C,)`` float64.

    Args:
        given: a file, ``'train'``, or ``None``.
        class_counts: training samples of each class; needed for ``'train'``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds anything but numbers, or the counts are unknown.
    """
    if given is None:
        return None
    if given != TRAIN:
        return torch.tensor(read_class_vector(given), dtype=torch.float64)
    if class_counts is None:
        raise ValueError(
            f'--target-prior {TRAIN} needs the training samples of each class, which '
            'are unknown here.'
        )
    return class_shares(class_counts)


def choose_on_validation_set(
    runner: Runner, args: argparse.Namespace, steps: PostHocSteps
) -> PostHocSteps:
    """Run over the validation set once and choose; the same on every rank.

    Args:
        runner: its config is prepared by :func:`collect_validation_scores`.
        args: the flags.
        steps: from :func:`steps_of`.

    Returns:
        The steps with all values, and the class mass of the validation set.
    """
    runner.val()
    chosen: list[PostHocChoice | None] = [None]
    if is_main_process():
        collected = runner.val_evaluator.metrics[0]
        tau = 1.0 if args.tau is None else args.tau
        chosen[0] = choose_post_hoc(
            collected.scores,
            collected.targets,
            class_counts=steps.class_counts,
            logit_adjustment=args.logit_adjustment,
            rebalancing=tau if args.rebalance else None,
            temperature=args.temperature,
            target_prior=steps.target_prior,
        )
        runner.logger.info(str(chosen[0]))
    broadcast_object_list(chosen)
    assert chosen[0] is not None
    return chosen[0].steps
