"""The work of ``mmgala report``."""

import argparse
import json
from pathlib import Path

from mmgala.analysis import merge_runs, read_predictions, read_run
from mmgala.analysis.answer import printed
from mmgala.analysis.answer.words import MOST_NAMES, listed
from mmgala.analysis.compared_scores import choose_steps, read_scores
from mmgala.analysis.comparison_folders import SCORES, predictions_in
from mmgala.analysis.one_run import RunReport
from mmgala.analysis.run_files import agreed_thresholds
from mmgala.analysis.run_names import runs_by_name
from mmgala.analysis.seeds import group_seeds
from mmgala.apis.sample_images import add_sample_images
from mmgala.cli.post_hoc import read_strength, read_target_prior
from mmgala.cli.post_hoc_arguments import VAL
from mmgala.cli.thresholds import check_threshold_arguments, choose_thresholds
from mmgala.console import say, warn
from mmgala.console.markdown import show_markdown
from mmgala.evaluation.selection import AUTO
from mmgala.functional import PostHocSteps, ShotThresholds
from mmgala.utils.files import check_writable, write_text
from mmgala.visualization import write_html_report


def check_args(args: argparse.Namespace) -> None:
    """Check the arguments before large files are read."""
    if args.tau is not None:
        args.tau = read_strength('rebalancing', args.tau)
    args.runs = runs_by_name(args.work_dir, args.names)
    if not chooses_tau(args) and args.target_prior == VAL:
        raise ValueError(
            f'--target-prior {VAL} needs the labels of validation data, which a report '
            'reads with --tau auto alone: give the class shares in a FILE.'
        )
    check_threshold_arguments(args)
    args.target_prior = read_target_prior(
        args.target_prior, lambda: predicted_classes([*args.runs.values()])
    )
    if args.out.suffix != '.html':
        raise ValueError(f'--out must end in .html, but is {args.out}.')
    for path in (args.out, args.out.with_suffix('.json')):
        check_writable(path)


def chooses_tau(args: argparse.Namespace) -> bool:
    """Whether tau is chosen on the validation scores of each run.

    Raises:
        ValueError: if that is asked for, and a run has no such scores.
    """
    if args.tau not in (None, AUTO):
        return False
    without = [folder for folder in args.runs.values() if not keeps_scores(folder)]
    if without and args.tau == AUTO:
        raise ValueError(
            f'--tau auto needs validation scores of mmgala compare, and {without[0]} '
            'has none: give --tau a number that was chosen on validation data.'
        )
    return not without


def chosen_steps(args: argparse.Namespace) -> dict[str, PostHocSteps]:
    """Re-balancing of each run by name, if it is chosen on validation scores."""
    if not chooses_tau(args):
        return {}
    found = {
        name: choose_steps(read_scores(folder), 'rebalancing', args.target_prior)
        for name, folder in args.runs.items()
    }
    taus = {name: steps.strengths['rebalancing'] for name, steps in found.items()}
    shown = ', '.join(f'{tau:g} for {name}' for name, tau in taus.items())
    if len(taus) > MOST_NAMES:
        shown = f'{min(taus.values()):g} to {max(taus.values()):g}'
    say(f'tau of re-balancing, chosen on validation scores: {shown}.')
    return found


def keeps_scores(folder: Path) -> bool:
    """Whether a work dir has the scores of a comparison, and no newer ones."""
    test, val = folder / SCORES['test'], folder / SCORES['val']
    return predictions_in(folder) == test and val.is_file()


def read_runs(args: argparse.Namespace, thresholds: ShotThresholds) -> list[RunReport]:
    """Read each run, re-balanced as asked for."""
    chosen = chosen_steps(args)
    runs = []
    for name, folder in args.runs.items():
        tau = 1.0 if args.tau is None else args.tau
        prior, mass = args.target_prior, None
        if steps := chosen.get(name):
            tau, mass = steps.strengths['rebalancing'], steps.class_mass
            prior = None if steps.prior is None else steps.prior.tolist()
        runs.append(read_run(folder, name, thresholds, tau, prior, mass))
    return runs


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
    runs = read_runs(args, thresholds)
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
