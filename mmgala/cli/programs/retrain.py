"""The work of ``mmgala retrain``."""

import argparse

from mmgala.apis.launch import add_paths_to_image_errors, load_config
from mmgala.cli.cfg_options import merge_options
from mmgala.cli.post_hoc import read_target_prior
from mmgala.console import say
from mmgala.console.consoles import command_console
from mmgala.retraining import RetrainOptions, retrain_classifier
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_meta import stored_class_names


def read_options(args: argparse.Namespace) -> RetrainOptions:
    """The options of the re-training."""
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


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    add_paths_to_image_errors()
    options = read_options(args)
    cfg = load_config(args.config)
    merge_options(cfg, args.cfg_options, args.checkpoint)
    out = retrain_classifier(
        cfg,
        args.checkpoint,
        args.out,
        args.method,
        options,
        features=args.features,
        layer=args.layer,
        console=command_console(),
    )
    say(f'Wrote the new classifier to {out}; use it with {out.with_suffix(".py")}.')
