"""The work of ``mmgala vectors``."""

import argparse

from mmgala.analysis import vectors_table, write_class_vectors
from mmgala.apis.class_vectors import measure_class_vectors
from mmgala.apis.launch import add_paths_to_image_errors, load_config
from mmgala.cli.cfg_options import merge_options
from mmgala.cli.thresholds import check_threshold_arguments, choose_thresholds
from mmgala.console import result, say
from mmgala.console.consoles import command_console
from mmgala.evaluation.shot_thresholds import resolve_thresholds
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_origin import Origin
from mmgala.utils.files import check_writable
from mmgala.visualization import plot_class_vectors


def check_args(args: argparse.Namespace) -> None:
    """Check the arguments before anything is read."""
    check_threshold_arguments(args)
    args.out = args.out or args.checkpoint.with_name('class_vectors.json')
    if args.out.suffix != '.json':
        raise ValueError(f'--out must end in .json, but is {args.out}.')
    check_writable(args.out)


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    add_paths_to_image_errors()
    check_args(args)
    cfg = load_config(args.config)
    merge_options(cfg, args.cfg_options, args.checkpoint)
    checkpoint = read_checkpoint(args.checkpoint)
    stated = resolve_thresholds(cfg, checkpoint)
    thresholds = choose_thresholds(args, stated, say)
    report = measure_class_vectors(
        cfg, args.checkpoint, args.split, args.layer, thresholds, command_console()
    )
    report['origin'] = Origin.of(args.checkpoint, checkpoint).as_dict()
    write_class_vectors(args.out, report)
    for ending in ('.png', '.svg'):
        plot_class_vectors(
            [entry['count'] for entry in report['classes']],
            {args.checkpoint.stem: report},
            args.out.with_suffix(ending),
            thresholds=thresholds,
        )
    say(f'Class weight vectors are the rows of {report["layer"]}.weight.')
    result(vectors_table(report))
    say(f'Wrote numbers and plots to {args.out} and next to it.')
