"""The work of ``mmgala fit``."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.models.heads import LinearClsHead

from mmgala.apis.class_shares import keep_classes_together
from mmgala.apis.data_splits import split_dataloader
from mmgala.apis.launch import (
    add_paths_to_image_errors,
    load_config,
    set_dataloader_defaults,
    set_launcher,
    set_work_dir,
)
from mmgala.apis.models import check_output_path, save_model
from mmgala.apis.runner import build_runner
from mmgala.cli.cfg_options import merge_options
from mmgala.cli.post_hoc import add_class_counts, requested_steps, resolve_target_prior
from mmgala.cli.post_hoc_arguments import flag
from mmgala.console import result
from mmgala.datasets.labels import class_names
from mmgala.engine.evaluation_console import EvaluationConsoleHook
from mmgala.evaluation.score_blocks import fitted_on
from mmgala.evaluation.selection import (
    AUTO,
    check_steps,
    choose_on_validation_set,
    collect_validation_scores,
    steps_to_choose,
)
from mmgala.functional.post_hoc import STEPS, PostHocSteps
from mmgala.functional.prior_check import contradicted_prior, prior_warning
from mmgala.models import LongTailedClsHead
from mmgala.post_hoc import PostHocChain, PostHocStep, build_post_hoc
from mmgala.registry import MODELS, find_class, is_subclass
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_fit import check_fits
from mmgala.utils.checkpoint_meta import stored_class_names


def fitted_steps(args: argparse.Namespace) -> dict[str, Any]:
    """Check the arguments and return the steps, as :func:`requested_steps` does."""
    if all(getattr(args, name) is None for name in STEPS):
        args.rebalance = True
    steps = requested_steps(
        args, AUTO, lambda: stored_class_names(read_checkpoint(args.checkpoint))
    )
    if steps_to_choose(steps) and args.split == 'test':
        raise ValueError(
            f'{flag(steps_to_choose(steps)[0])} auto needs labels, but those of the '
            'test set must not be used: choose --split val, or give a number.'
        )
    check_output_path(args.out, args.config, args.checkpoint)
    return steps


def merge_args(cfg: Config, args: argparse.Namespace, steps: dict[str, Any]) -> None:
    """Apply the arguments to the config."""
    set_work_dir(cfg, args.config, args.work_dir)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    merge_options(cfg, args.cfg_options, args.checkpoint)
    set_launcher(cfg, 'none')
    keep_classes_together(cfg.model)
    check_head(cfg)
    if needs_scores(steps):
        cfg.val_dataloader = split_dataloader(cfg, args.split)
        collect_validation_scores(cfg, args.score_storage)
    elif args.score_storage is not None:
        raise ValueError(
            '--score-storage has no effect here, as no scores are needed: use it with '
            '--rebalance, or with a strength that is auto.'
        )
    set_dataloader_defaults(cfg)


def check_head(cfg: Config) -> None:
    """Check that the head supports post-hoc steps and does not have any yet."""
    head = cfg.model.get('head') or {}
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    kind = find_class(head.get('type'), MODELS)
    if not (kind is LinearClsHead or is_subclass(kind, LongTailedClsHead, MODELS)):
        raise ValueError(
            'Post-hoc steps require LinearClsHead, mmgala.GALAHead or another '
            f'mmgala.LongTailedClsHead, but the config has {head.get("type")}.'
        )
    for name in ('post_hoc', 'rebalancer'):
        if head.get(name) is not None:
            raise ValueError(
                f'The config already has post-hoc steps (model.head.{name}): use the '
                'config that the checkpoint was trained with.'
            )


def needs_scores(steps: dict[str, Any]) -> bool:
    """Whether the steps have to be estimated from data."""
    return 'rebalancing' in steps or bool(steps_to_choose(steps))


def fit(runner: Runner, split: str, steps: dict[str, Any]) -> tuple[PostHocSteps, str]:
    """Choose strengths, and estimate the class mass; also return a warning, if any."""
    if not needs_scores(steps):
        return PostHocSteps.from_config(**steps), ''
    if split == 'val':
        choice = choose_on_validation_set(runner, **steps)
        result(str(choice))
        names = class_names(runner.val_dataloader.dataset)
        return choice.steps, choice.assumption(names)
    runner.val()
    dump = runner.val_evaluator.metrics[0]
    fitted = fitted_on(dump.blocks, PostHocSteps.from_config(**steps))
    support = np.bincount(dump.targets, minlength=dump.blocks.shape[1])
    names = class_names(runner.val_dataloader.dataset)
    found = contradicted_prior(support.tolist(), fitted.prior)
    warning = '' if found is None else prior_warning('the test set', found, names)
    return fitted, warning


def save(
    cfg: Config, checkpoint: dict, module: PostHocStep | PostHocChain, out: Path
) -> None:
    """Add the steps to the head, and write checkpoint and config."""
    earlier = ('head.post_hoc.', 'head.rebalancer.')
    named = {k.removeprefix('module.'): v for k, v in checkpoint['state_dict'].items()}
    state = {k: v for k, v in named.items() if not k.startswith(earlier)}
    state |= {f'head.post_hoc.{k}': v for k, v in module.state_dict().items()}
    cfg = cfg.copy()
    keep_classes_together(cfg.model)
    if find_class(cfg.model.head.type, MODELS) is LinearClsHead:
        # Keeps LinearClsHead's default loss.
        cfg.model.head.setdefault('loss', dict(type='CrossEntropyLoss'))
        cfg.model.head.type = 'mmgala.GALAHead'
    cfg.model.head.post_hoc = module.config()
    save_model(cfg, state, checkpoint.get('meta') or {}, out)


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    add_paths_to_image_errors()
    steps = fitted_steps(args)
    cfg = load_config(args.config)
    original = cfg.copy()
    merge_options(original, args.cfg_options, args.checkpoint)
    checkpoint = read_checkpoint(args.checkpoint)
    resolve_target_prior(steps, original, stored_class_names(checkpoint))
    merge_args(cfg, args, steps)
    add_class_counts(steps, checkpoint)
    runner = build_runner(cfg)
    runner.register_hook(EvaluationConsoleHook())
    check_fits(checkpoint, runner.model, args.checkpoint)
    check_steps(steps).check_num_classes(cfg.model.head.num_classes)
    fitted, warning = fit(runner, args.split, steps)
    save(original, checkpoint, build_post_hoc(fitted), args.out)
    runner.logger.info(
        f'Wrote the model, whose scores are {fitted}, to {args.out}; use it with '
        f'{args.out.with_suffix(".py")}.'
    )
    if warning:
        runner.logger.warning(warning)
