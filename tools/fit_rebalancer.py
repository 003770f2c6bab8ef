"""Fit a re-balancer, or other post-hoc steps, and store them in a checkpoint.

Writes OUT, the weights with the fitted steps, and next to it a config that uses them:
from then on the model takes them for single images, also through MMPretrain's
ImageClassificationInferencer. The steps are those that flags ask for (--tau asks for
re-balancing); without any, re-balancing.
"""

import argparse
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.models.heads import LinearClsHead

from mmgala.apis.image_errors import name_unreadable_images
from mmgala.apis.inference import split_dataloader
from mmgala.apis.launch import (
    load_config,
    one_line_errors,
    set_dataloader_defaults,
    set_work_dir,
)
from mmgala.apis.saved_model import check_out, write_model
from mmgala.cli.arguments import add_config_arguments
from mmgala.cli.post_hoc import (
    add_post_hoc_arguments,
    asked_for,
    check_post_hoc_arguments,
    choose_on_validation_set,
    class_counts_of,
    collect_validation_scores,
    steps_of,
    to_choose,
)
from mmgala.functional.post_hoc import PostHocSteps
from mmgala.models import LongTailedClsHead
from mmgala.models.post_hoc import build_post_hoc, post_hoc_config
from mmgala.registry import MODELS, find_class, is_subclass
from mmgala.utils.checkpoint import check_fits, read_checkpoint


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='trained checkpoint')
    parser.add_argument(
        'out', type=Path, help='checkpoint to write, OUT.pth; OUT.py is its config'
    )
    parser.add_argument(
        '--split',
        choices=['val', 'test'],
        default='val',
        help='data to fit the class mass of re-balancing on; the labels of val weight '
        'its classes evenly, those of test are not used',
    )
    add_post_hoc_arguments(
        parser,
        're-balance by the class mass of --split; what is done where no other step is '
        'asked for; --tau is auto by default',
    )
    parser.add_argument('--work-dir', help='where to save the log')
    return parser.parse_args()


def check_args(args: argparse.Namespace) -> None:
    if args.tau is not None or not asked_for(args):
        args.rebalance = True
    if args.rebalance and args.tau is None:
        args.tau = 'auto'
    check_post_hoc_arguments(args)
    if to_choose(args) and args.split == 'test':
        raise ValueError(
            f'{to_choose(args)[0]} auto needs labels, and those of the test set are '
            'not for choosing: use --split val, or give it a number.'
        )
    check_out(args.out, args.config, args.checkpoint)


def merge_args(cfg: Config, args: argparse.Namespace) -> None:
    set_work_dir(cfg, args.config, args.work_dir)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    head = cfg.model.get('head') or {}
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    kind = find_class(head.get('type'), MODELS)
    if not (kind is LinearClsHead or is_subclass(kind, LongTailedClsHead, MODELS)):
        raise ValueError(
            'A re-balancer goes into LinearClsHead, mmgala.GALAHead or another '
            f'mmgala.LongTailedClsHead, but the config has {head.get("type")}.'
        )
    if head.get('rebalancer') is not None:
        raise ValueError(
            'The config has a re-balancer already, or other post-hoc steps: take the '
            'trained one.'
        )
    if needs_scores(args):
        cfg.val_dataloader = split_dataloader(cfg, args.split)
        collect_validation_scores(cfg)
    set_dataloader_defaults(cfg)


def needs_scores(args: argparse.Namespace) -> bool:
    """Whether anything is to be learnt from data."""
    return args.rebalance or bool(to_choose(args))


def fit(runner: Runner, args: argparse.Namespace, steps: PostHocSteps) -> PostHocSteps:
    if not needs_scores(args):
        return steps
    if args.split == 'val':
        return choose_on_validation_set(runner, args, steps)
    runner.val()
    return steps.fit(torch.from_numpy(runner.val_evaluator.metrics[0].scores))


def save(cfg: Config, checkpoint: dict, module: torch.nn.Module, out: Path) -> None:
    """Put the steps into the head, and write checkpoint and config."""
    prefix = 'head.rebalancer.'
    named = {k.removeprefix('module.'): v for k, v in checkpoint['state_dict'].items()}
    state = {k: v for k, v in named.items() if not k.startswith(prefix)}  # of before
    state |= {prefix + name: value for name, value in module.state_dict().items()}
    cfg = cfg.copy()
    if find_class(cfg.model.head.type, MODELS) is LinearClsHead:
        # Without a loss in the config, its default stays.
        cfg.model.head.setdefault('loss', dict(type='CrossEntropyLoss'))
        cfg.model.head.type = 'mmgala.GALAHead'
    cfg.model.head.rebalancer = post_hoc_config(module)
    write_model(cfg, state, checkpoint.get('meta') or {}, out)


def main() -> None:
    args = parse_args()
    with one_line_errors():
        name_unreadable_images()
        check_args(args)
        cfg = load_config(args.config)
        original = cfg.copy()
        if args.cfg_options is not None:
            original.merge_from_dict(args.cfg_options)
        checkpoint = read_checkpoint(args.checkpoint)
        merge_args(cfg, args)
        steps = steps_of(args, class_counts_of(checkpoint, args))
        runner = Runner.from_cfg(cfg)
        check_fits(checkpoint, runner.model, args.checkpoint)
        steps.check_num_classes(cfg.model.head.num_classes)
        steps = fit(runner, args, steps)
        save(original, checkpoint, build_post_hoc(steps), args.out)
        runner.logger.info(
            f'The model whose scores are {steps} is in {args.out}; use it with '
            f'{args.out.with_suffix(".py")}.'
        )


if __name__ == '__main__':
    main()
