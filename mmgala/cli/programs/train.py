"""The work of ``mmgala train``."""

import argparse

import torch
from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook

from mmgala.apis.config_options import (
    is_detection,
    reduce_statistics,
    use_channels_last,
    use_mixed_precision,
)
from mmgala.apis.launch import (
    add_paths_to_image_errors,
    default_work_dir,
    end_distributed,
    load_config,
    set_dataloader_defaults,
    set_launcher,
    set_work_dir,
)
from mmgala.apis.pretrained_weights import check_pretrained_weights
from mmgala.apis.resuming import (
    check_has_statistics,
    check_same_losses,
    former_work_dir,
    number_of_schedulers,
)
from mmgala.apis.runner import build_runner, check_fits_runner
from mmgala.apis.stages import (
    Stage,
    holds_training,
    plan_stages,
    start_from,
    training_lock,
)
from mmgala.cli.cfg_options import merge_options
from mmgala.engine.hooks.class_shards_hook import names_read_from_shares
from mmgala.engine.hooks.divergence_hook import add_divergence_hook
from mmgala.engine.hooks.metric_rules_hook import add_metric_rules
from mmgala.engine.hooks.padding_hook import add_padding_hook
from mmgala.engine.metric_rules import set_metric_rules
from mmgala.engine.training_console import TrainingProgress
from mmgala.utils.checkpoint import read_checkpoint, read_latest_checkpoint
from mmgala.utils.checkpoint_content import check_resumable
from mmgala.utils.command_record import record_command


def merge_args(cfg: Config, args: argparse.Namespace) -> None:
    """Apply the arguments that concern the whole training to the config."""
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    set_work_dir(cfg, args.config, args.work_dir)
    merge_options(cfg, args.cfg_options)
    if args.auto_scale_lr:
        if cfg.get('auto_scale_lr') is None:
            raise ValueError(
                f'--auto-scale-lr requires auto_scale_lr=dict(base_batch_size=...) in '
                f'{args.config}, the total batch size that its learning rate is for.'
            )
        cfg.auto_scale_lr.enable = True
    if args.resume not in (None, 'auto'):
        cfg.resume, cfg.load_from = True, args.resume
    elif args.resume == 'auto':
        is_default = cfg.work_dir == default_work_dir(args.config)
        if is_default and not holds_training(cfg.work_dir):
            cfg.work_dir = former_work_dir(cfg, args.config) or cfg.work_dir
        if holds_training(cfg.work_dir):
            cfg.resume, cfg.load_from = True, None


def set_speed_options(cfg: Config, args: argparse.Namespace) -> None:
    """Apply ``--amp`` and ``--channels-last``."""
    if args.amp:
        use_mixed_precision(cfg)
    if args.channels_last:
        use_channels_last(cfg)


def complete_dataloaders(cfg: Config, args: argparse.Namespace) -> None:
    """Apply the arguments about data loaders."""
    set_dataloader_defaults(cfg, pin_memory=not args.no_pin_memory)
    if args.no_persistent_workers:
        for split in ('train', 'val', 'test'):
            if cfg.get(f'{split}_dataloader') is not None:
                cfg[f'{split}_dataloader'].persistent_workers = False


def read_start(cfg: Config) -> tuple[str, dict] | None:
    """Path and content of the checkpoint to resume from; None for a new training."""
    if not cfg.get('resume'):
        return None
    if cfg.get('load_from'):
        return cfg.load_from, read_checkpoint(cfg.load_from)
    start = read_latest_checkpoint(cfg.work_dir)
    if start is None:
        cfg.resume = False  # MMEngine would look for a checkpoint by itself
    else:
        cfg.load_from = start[0]
    return start


def train(stage: Stage, console_hook: Hook) -> None:
    """Train one stage, from the start or from where it was interrupted."""
    start = read_start(stage.cfg)
    if start is not None:
        check_same_losses(stage.cfg, start[1], start[0])
    runner = build_runner(stage.cfg)
    if stage.title:
        runner.logger.info(f'{stage.title}{", resumed" if start else ""}.')
    if start is not None:
        path, checkpoint = start
        check_resumable(
            checkpoint,
            path,
            stage.cfg.train_cfg.get('max_epochs'),
            number_of_schedulers(stage.cfg),
        )
        check_fits_runner(checkpoint, runner, path)
        in_shares = names_read_from_shares(runner)
        check_has_statistics(checkpoint, runner.model, path, in_shares)
    add_metric_rules(runner)
    add_divergence_hook(runner)
    add_padding_hook(runner)
    runner.register_hook(console_hook)
    runner.train()


def run(args: argparse.Namespace) -> None:
    """Train as the arguments say."""
    add_paths_to_image_errors()
    cfg = load_config(args.config)
    merge_args(cfg, args)
    with training_lock(cfg):
        train_stages(cfg, args)


def length(cfg: Config) -> float:
    """Number of epochs or iterations of a training."""
    loop = cfg.get('train_cfg') or {}
    return loop.get('max_epochs') or loop.get('max_iters') or 1


def train_stages(cfg: Config, args: argparse.Namespace) -> None:
    """Train one stage after the other."""
    set_launcher(cfg, args.launcher)
    if is_detection(cfg):
        reduce_statistics(cfg)
    stages = plan_stages(cfg)
    for stage in stages:  # find missing files before training starts
        set_speed_options(stage.cfg, args)
        complete_dataloaders(stage.cfg, args)
        set_metric_rules(stage.cfg, stage.prefix)
        check_pretrained_weights(stage.cfg, stage.prefix)
    if is_main_process():
        record_command(cfg.work_dir)
    previous = None
    with TrainingProgress([length(stage.cfg) for stage in stages]) as progress:
        for number, stage in enumerate(stages):
            if previous is not None:
                barrier()  # the first rank may still be saving
                torch.cuda.empty_cache()
                start_from(stage, previous)
            train(stage, progress.hook(number))
            previous = stage
    end_distributed()
