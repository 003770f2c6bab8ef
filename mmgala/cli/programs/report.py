"""The work of ``mmgala report``."""

import argparse
import json
from pathlib import Path

from mmgala.analysis import merge_runs, read_predictions, read_run
from mmgala.analysis.answer import printed
from mmgala.analysis.answer.words import MOST_NAMES, listed
from mmgala.analysis.comparison_folders import predictions_in
from mmgala.analysis.run_files import agreed_thresholds
from mmgala.analysis.run_names import runs_by_name
from mmgala.analysis.seeds import group_seeds
from mmgala.apis.sample_images import add_sample_images
from mmgala.cli.post_hoc import read_target_prior
from mmgala.cli.post_hoc_arguments import VAL
from mmgala.cli.thresholds import check_threshold_arguments, choose_thresholds
from mmgala.console import say, warn
from mmgala.console.markdown import show_markdown
from mmgala.functional.rebalance import check_tau
from mmgala.utils.files import check_writable, write_text
from mmgala.visualization import write_html_report


def check_args(args: argparse.Namespace) -> None:
    """Check the arguments before large files are read."""
    check_tau(args.tau)
    if args.target_prior == VAL:
        raise ValueError(
            f'--target-prior {VAL} needs the labels of validation data, which a report '
            'does not read: give the class shares in a FILE.'
        )
    args.runs = runs_by_name(args.work_dir, args.names)
    check_threshold_arguments(args)
    args.target_prior = read_target_prior(
        args.target_prior, lambda: predicted_classes([*args.runs.values()])
    )
    if args.out.suffix != '.html':
        raise ValueError(f'--out must end in .html, but is {args.out}.')
    for path in (args.out, args.out.with_suffix('.json')):
        check_writable(path)


def predicted_classes(folders: list[Path]) -> list[str]:
    """Class names in the first predictions; empty if they are unknown."""
    found = next(filter(None, map(predictions_in, folders)), None)
    return (read_predictions(found).class_names or []) if found else []


def title_of(names: list[str]) -> str:
    """A title with the methods of the runs, or their number if they are many."""
    methods = [method.name for method in group_seeds(names)]
    many = len(methods) > MOST_NAMES
    return f'Report on {f"{len(methods)} methods" if many else listed(methods)}'


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    check_args(args)
    stated = None
    if None in (args.many, args.few):
        stated = agreed_thresholds([*args.runs.values()])
    thresholds = choose_thresholds(args, stated, say)
    runs = [
        read_run(folder, name, thresholds, args.tau, args.target_prior)
        for name, folder in args.runs.items()
    ]
    report = merge_runs(runs, args.title or title_of([*args.runs]))
    text = json.dumps(report, allow_nan=False)
    add_sample_images(report, runs, args.images)
    write_html_report(report, args.out)
    numbers = args.out.with_suffix('.json')
    write_text(numbers, text)
    show_markdown(printed(report['answer']))
    for line in report['missing']:
        say(line)
    if args.images and report['image_note']:
        say(report['image_note'])
    say(f'Wrote the report to {args.out} and its numbers to {numbers}.')
    for line in report['warnings']:
        warn(line)
