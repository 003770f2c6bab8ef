"""Train a model from an OpenMMLab config, with the flags of MMPretrain's train.py.

A config with `stage1` is trained in two stages, one after the other. To skip the first,
pass --cfg-options load_from=CHECKPOINT.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse

import torch
from mmengine.config import Config
from mmengine.dist import barrier

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
from mmgala.apis.resuming import check_same_losses, former_work_dir
from mmgala.apis.runner import build_runner
from mmgala.apis.stages import (
    Stage,
    holds_training,
    plan_stages,
    start_from,
    training_lock,
)
from mmgala.cli.arguments import (
    add_config_arguments,
    merge_options,
    parse_launched_args,
)
from mmgala.engine.hooks.divergence_hook import add_divergence_hook
from mmgala.engine.hooks.metric_rules_hook import add_metric_rules
from mmgala.engine.hooks.padding_hook import add_padding_hook
from mmgala.engine.metric_rules import set_metric_rules
from mmgala.utils.checkpoint import (
    check_fits,
    read_checkpoint,
    read_latest_checkpoint,
)
from mmgala.utils.checkpoint_content import check_resumable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('--work-dir', help='where to save logs and checkpoints')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from CHECKPOINT, or from the latest one in the work dir',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 on a GPU, bfloat16 on a CPU',
    )
    parser.add_argument(
        '--channels-last',
        action='store_true',
        help='channels-last memory format: often faster, especially with --amp',
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='do not evaluate while training'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate by the actual batch size over the config's",
    )
    parser.add_argument(
        '--no-pin-memory', action='store_true', help='do not pin memory in data loaders'
    )
    parser.add_argument(
        '--no-persistent-workers',
        action='store_true',
        help='restart the data loader workers in each epoch',
    )
    return parse_launched_args(parser)


def merge_args(cfg: Config, args: argparse.Namespace) -> None:
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
    if args.amp:
        use_mixed_precision(cfg)
    if args.channels_last:
        use_channels_last(cfg)


def complete_dataloaders(cfg: Config, args: argparse.Namespace) -> None:
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


def train(stage: Stage) -> None:
    start = read_start(stage.cfg)
    if start is not None:
        check_same_losses(stage.cfg, start[1], start[0])
    runner = build_runner(stage.cfg)
    if stage.title:
        runner.logger.info(f'{stage.title}{", resumed" if start else ""}.')
    if start is not None:
        path, checkpoint = start
        check_resumable(checkpoint, path, stage.cfg.train_cfg.get('max_epochs'))
        check_fits(checkpoint, runner.model, path)
    add_metric_rules(runner)
    add_divergence_hook(runner)
    add_padding_hook(runner)
    runner.train()


@command
def main() -> None:
    args = parse_args()
    add_paths_to_image_errors()
    cfg = load_config(args.config)
    merge_args(cfg, args)
    with training_lock(cfg):
        run(cfg, args)


def run(cfg: Config, args: argparse.Namespace) -> None:
    set_launcher(cfg, args.launcher)
    if is_detection(cfg):
        reduce_statistics(cfg)
    stages = plan_stages(cfg)
    for stage in stages:  # find missing files before training starts
        set_speed_options(stage.cfg, args)
        complete_dataloaders(stage.cfg, args)
        set_metric_rules(stage.cfg, stage.prefix)
        check_pretrained_weights(stage.cfg, stage.prefix)
    previous = None
    for stage in stages:
        if previous is not None:
            barrier()  # the first rank may still be saving
            torch.cuda.empty_cache()
            start_from(stage, previous)
        train(stage)
        previous = stage
    end_distributed()


if __name__ == '__main__':
    main()
