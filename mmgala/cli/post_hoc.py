"""Post-hoc steps that command-line flags ask for."""

import argparse
from collections.abc import Sequence
from typing import Any, Literal

from mmengine.config import Config

from mmgala.cli.class_values import Classes, read_class_vector
from mmgala.cli.post_hoc_arguments import BALANCED, TRAIN, VAL, flag
from mmgala.evaluation.selection import AUTO, check_steps, steps_to_choose
from mmgala.functional.post_hoc import STEPS
from mmgala.functional.rebalance import class_shares
from mmgala.utils.checkpoint_meta import stored_class_counts, stored_class_draws


def requested_steps(
    args: argparse.Namespace, tau: float | str, classes: Classes = ()
) -> dict[str, Any]:
    """Steps that the flags ask for, as fields of ``PostHocSteps``.

    Args:
        args: parsed flags.
        tau: strength of ``--rebalance`` without ``--tau``.
        classes: names of the training classes, or a function that returns them, for
            a prior that names them.

    Returns:
        The strengths, numbers or ``'auto'``, and ``target_prior``: numbers,
        ``'train'``, or ``'val'``, see :func:`resolve_target_prior`. Empty if no step
        is asked for.

    Raises:
        FileNotFoundError: if the file of the prior does not exist.
        ValueError: if a value is invalid, or the prior would have no effect.
    """
    given = {name: getattr(args, name) for name in STEPS}
    if args.rebalance and given['rebalancing'] is None:
        given['rebalancing'] = tau
    steps: dict[str, Any] = {
        name: read_strength(name, value)
        for name, value in given.items()
        if value is not None
    }
    if args.target_prior is not None:
        aims = [name for name in steps if STEPS[name].strength == 'tau']
        if not aims and not steps_to_choose(steps):
            raise ValueError(
                '--target-prior has no effect here: use it with --rebalance, '
                '--logit-adjustment or --temperature auto.'
            )
        prior = read_target_prior(args.target_prior, classes)
        if prior is not None:
            steps['target_prior'] = prior
        check_steps({n: v for n, v in steps.items() if v != VAL})
    return steps


def read_strength(name: str, value: float | str) -> float | str:
    """Read the strength of a step: a number, or ``'auto'``.

    Raises:
        ValueError: if it is neither, or out of range.
    """
    if value == AUTO:
        return AUTO
    try:
        strength = float(value)
        STEPS[name].check(strength)
    except ValueError as error:
        raise ValueError(f'{flag(name)} takes a number or auto: {error}') from error
    return strength


def read_target_prior(
    given: str | None, classes: Classes = ()
) -> list[float] | Literal['train', 'val'] | None:
    """Read the value of ``--target-prior``.

    Args:
        given: the value, if there is one.
        classes: names of the training classes, or a function that returns them, for
            a file that names them.

    Returns:
        ``'train'``, ``'val'``, the numbers in a file, or ``None`` for balanced classes.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if its content is not one number per class; see
            :func:`mmgala.cli.class_values.read_class_vector`.
    """
    if given in (None, BALANCED):
        return None
    if given == TRAIN:
        return TRAIN
    return VAL if given == VAL else read_class_vector(str(given), classes)


def resolve_target_prior(
    steps: dict[str, Any], cfg: Config, class_names: Sequence[str]
) -> None:
    """Replace the target prior ``'val'`` by the class shares of the validation set.

    Args:
        steps: from :func:`requested_steps`; changed in place.
        cfg: config of a test.
        class_names: names of the training classes; empty if they are unknown.

    Raises:
        ValueError: if the config has no validation set.
    """
    if steps.get('target_prior') == VAL:
        # Imported late, as `mmgala.datasets` takes seconds.
        from mmgala.apis.data_splits import build_whole_split
        from mmgala.datasets import count_classes

        loader = build_whole_split(cfg, 'val', class_names)
        head = cfg.model.get('head') or cfg.model.get('module', {}).get('head') or {}
        counts = count_classes(loader.dataset, head.get('num_classes'))
        steps['target_prior'] = class_shares(counts).tolist()


def flags_of(steps: dict[str, Any]) -> list[str]:
    """The flags that asked for these steps."""
    return [
        '--rebalance' if n == 'rebalancing' else flag(n) for n in STEPS if n in steps
    ]


def add_class_counts(steps: dict[str, Any], checkpoint: dict) -> None:
    """Add class counts and draws of a checkpoint to the steps that need them.

    Args:
        steps: from :func:`requested_steps`; changed in place.
        checkpoint: of the model to test.

    Raises:
        ValueError: if the checkpoint has no class counts.
    """
    if not check_steps(steps).needs_class_counts:
        return
    steps['class_counts'] = stored_class_counts(checkpoint)
    draws = stored_class_draws(checkpoint)
    if draws != steps['class_counts']:
        steps['class_draws'] = draws
    if steps['class_counts'] is None:
        adjusts = 'logit_adjustment' in steps
        what = flag('logit_adjustment') if adjusts else f'--target-prior {TRAIN}'
        other = 'use --rebalance, which needs none' if adjusts else 'give a FILE'
        raise ValueError(
            f'{what} needs the class counts of the training set, but the checkpoint '
            'has none: train with mmgala.ClassCountsHook (it is in '
            f'configs/_base_/default_runtime.py), or {other}.'
        )
