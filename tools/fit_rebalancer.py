"""Fit a re-balancer on unlabelled data and store it in a checkpoint.

Writes OUT, the weights with the fitted re-balancer, and next to it a config that uses
it: from then on the model re-balances single images, also through MMPretrain's
ImageClassificationInferencer.
"""

import argparse
import os
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmgala.engine.arguments import add_config_arguments
from mmgala.engine.checkpoint import check_fits, read_checkpoint
from mmgala.engine.image_errors import name_unreadable_images
from mmgala.engine.inference import split_dataloader
from mmgala.engine.launch import (
    load_config,
    one_line_errors,
    read_class_vector,
    set_dataloader_defaults,
    set_work_dir,
)
from mmgala.evaluation import search_tau
from mmgala.functional.rebalance import check_tau
from mmgala.models import PredictionRebalancer

HEADS = ('LinearClsHead', 'mmpretrain.LinearClsHead', 'GALAHead', 'mmgala.GALAHead')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='trained checkpoint')
    parser.add_argument(
        'out', help='checkpoint to write, OUT.pth; OUT.py is its config'
    )
    parser.add_argument(
        '--split',
        choices=['val', 'test'],
        default='val',
        help='data to fit the class mass on; its labels are used for --tau auto only',
    )
    parser.add_argument(
        '--tau',
        default='auto',
        metavar='FLOAT|auto',
        help='strength; auto, the default: the best one on the validation set',
    )
    parser.add_argument(
        '--target-prior',
        metavar='FILE',
        help='class shares of the data to predict, if they are not balanced',
    )
    parser.add_argument('--work-dir', help='where to save the log')
    return parser.parse_args()


def check_args(args: argparse.Namespace) -> None:
    if args.tau == 'auto':
        if args.split == 'test':
            raise ValueError(
                '--tau auto needs labels, and those of the test set are not for '
                'choosing: use --split val, or give --tau a number.'
            )
    else:
        try:
            check_tau(float(args.tau))
        except ValueError as error:
            raise ValueError(f'--tau takes a number >= 0 or auto: {error}') from error
    out = Path(args.out)
    if out.suffix != '.pth':
        raise ValueError(f'OUT must end in .pth, but is {out}.')
    taken = (Path(args.config).resolve(), Path(args.checkpoint).resolve())
    if out.resolve() in taken or out.with_suffix('.py').resolve() in taken:
        raise ValueError(f'OUT ({out} and {out.with_suffix(".py")}) must be new files.')


def merge_args(cfg: Config, args: argparse.Namespace) -> None:
    set_work_dir(cfg, args.config, args.work_dir)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    dataloader = split_dataloader(cfg, args.split)
    head = cfg.model.get('head') or {}
    if head.get('type') not in HEADS:
        raise ValueError(
            'A re-balancer goes into a linear head (mmgala.GALAHead or LinearClsHead), '
            f'but the config has {head.get("type")}.'
        )
    if head.get('rebalancer') is not None:
        raise ValueError('The config has a re-balancer already: take the trained one.')
    cfg.val_dataloader = dataloader
    cfg.val_evaluator = dict(type='mmgala.ScoreDump')
    cfg.val_cfg = dict()
    set_dataloader_defaults(cfg)


def fit(runner: Runner, args: argparse.Namespace) -> PredictionRebalancer:
    runner.val()
    collected = runner.val_evaluator.metrics[0]
    scores = torch.from_numpy(collected.scores)
    prior = None
    if args.target_prior is not None:
        prior = torch.tensor(read_class_vector(args.target_prior))
    if args.tau == 'auto':
        targets = torch.from_numpy(collected.targets)
        search = search_tau(scores, targets, target_prior=prior)
        runner.logger.info(f'Re-balancing strength, on the validation set:\n{search}')
        args.tau = search.tau
    return PredictionRebalancer(float(args.tau), target_prior=prior).fit(scores)


def save(
    cfg: Config, checkpoint: dict, rebalancer: PredictionRebalancer, out: Path
) -> None:
    """Write checkpoint and config, each whole or not at all."""
    for name, value in rebalancer.state_dict().items():
        checkpoint['state_dict'][f'head.rebalancer.{name}'] = value
    cfg = cfg.copy()
    if cfg.model.head.type.endswith('LinearClsHead'):  # its default loss stays
        cfg.model.head.setdefault('loss', dict(type='CrossEntropyLoss'))
    cfg.model.head.type = 'mmgala.GALAHead'
    cfg.model.head.rebalancer = dict(
        type='mmgala.PredictionRebalancer', tau=float(rebalancer.tau)
    )
    meta = {**checkpoint.get('meta', {}), 'cfg': cfg.pretty_text}
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix('.partial')
    torch.save({'meta': meta, 'state_dict': checkpoint['state_dict']}, partial)
    os.replace(partial, out)
    partial.write_text(cfg.pretty_text)
    os.replace(partial, out.with_suffix('.py'))


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
        runner = Runner.from_cfg(cfg)
        check_fits(checkpoint, runner.model, args.checkpoint)
        out = Path(args.out)
        save(original, checkpoint, fit(runner, args), out)
        runner.logger.info(
            f'Re-balancer with tau={args.tau} is in {out}; use it with '
            f'{out.with_suffix(".py")}.'
        )


if __name__ == '__main__':
    main()
