"""The work of ``mmgala predictions``."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mmgala.analysis import (
    PredictionDump,
    analyse_predictions,
    check_same_data,
    describe_classes,
    metrics_table,
    read_predictions,
    write_class_table,
    write_predictions,
)
from mmgala.analysis.origins import origin_warnings
from mmgala.analysis.prediction_files import predictions_thresholds
from mmgala.cli.class_values import read_class_vector
from mmgala.cli.post_hoc import read_target_prior
from mmgala.cli.post_hoc_arguments import TRAIN, VAL
from mmgala.cli.thresholds import check_threshold_arguments, choose_thresholds
from mmgala.console import result, say, warn
from mmgala.evaluation import choose_post_hoc
from mmgala.evaluation.score_blocks import same_scores
from mmgala.functional import PostHocSteps, ShotThresholds
from mmgala.functional.prior_check import contradicted_prior, prior_warning
from mmgala.functional.rebalance import check_tau, class_shares
from mmgala.utils.class_names import check_same_names
from mmgala.utils.files import check_writable
from mmgala.visualization import (
    plot_accuracy_by_count,
    plot_class_mass,
    plot_reliability,
    plot_shot_confusion,
    plot_tau_curve,
)


def check_args(args: argparse.Namespace) -> None:
    """Check the arguments before large files are read."""
    if args.tau is not None:
        if args.val is not None:
            raise ValueError('--val chooses tau: give either --val or --tau.')
        check_tau(args.tau)
    if args.target_prior == VAL and args.val is None:
        raise ValueError(
            f'--target-prior {VAL} needs the labels of validation data: give their '
            'predictions with --val.'
        )
    check_threshold_arguments(args)
    args.names = args.names or default_names(args.pred)
    for option, values in (('--names', args.names), ('--val', args.val)):
        if values is not None and len(values) != len(args.pred):
            raise ValueError(
                f'{option} takes one value per PRED, {len(args.pred)}, but got '
                f'{len(values)}.'
            )
    if not all(name.strip() for name in args.names):
        raise ValueError(f'Expected --names that are not empty, but got {args.names}.')
    if len(set(args.names)) < len(args.names):
        raise ValueError(f'Expected different --names, but got {args.names}.')
    for pred, val in zip(args.pred, args.val or (), strict=False):
        if pred.resolve() == val.resolve():
            raise ValueError(
                f'--val {val} is PRED itself: tau must not be chosen on test data.'
            )
    args.out = args.out or args.pred[0].with_name(f'{args.pred[0].stem}_analysis')
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f'--out {args.out} is not a folder.')
    check_writable(args.out / 'predictions.json')


def default_names(paths: list[Path]) -> list[str]:
    """Unique names: those of the files or of their folders, or the whole paths."""
    stems, folders = [p.stem for p in paths], [p.resolve().parent.name for p in paths]
    for names in (stems, folders):
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def stated_by(paths: list[Path]) -> ShotThresholds | None:
    """Shot thresholds of the first file with any; later, all are compared."""
    stated = map(predictions_thresholds, paths)
    return next(filter(None, stated), None)


def read_validation(dump: PredictionDump, val_path: Path) -> PredictionDump:
    """Read and check predictions on validation data."""
    val = read_predictions(val_path, whole=False)
    if val.num_classes != dump.num_classes:
        raise ValueError(
            f'{val_path} has {val.num_classes} classes, but PRED {dump.num_classes}.'
        )
    check_same_names(dump.class_names, val.class_names, ('PRED', str(val_path)))
    if val.origin and dump.origin and val.origin.weights != dump.origin.weights:
        raise ValueError(
            f'{val_path} was made from {val.origin.checkpoint}, but PRED from other '
            f'weights, of {dump.origin.checkpoint}: predict both with one checkpoint.'
        )
    if same_scores(val.blocks, dump.blocks):
        raise ValueError(
            f'{val_path} has the same scores as PRED: tau must not be chosen on test '
            'data.'
        )
    return val


def choose_tau(val: PredictionDump, prior: torch.Tensor | None) -> float:
    """The strength of re-balancing that is best on validation data."""
    choice = choose_post_hoc(
        val.blocks, val.targets, rebalancing='auto', target_prior=prior
    )
    return choice.steps.strengths['rebalancing']


def target_prior(
    args: argparse.Namespace, dump: PredictionDump, val: PredictionDump | None
) -> torch.Tensor | None:
    """Class shares of the test set, ``(C,)``; ``None`` if balanced."""
    given = read_target_prior(args.target_prior, dump.class_names or ())
    if given is None:
        return None
    if given == VAL:
        assert val is not None  # check_args requires it
        return class_shares(label_counts(val))
    if given == TRAIN and dump.class_counts is None:
        raise ValueError(
            f'--target-prior {TRAIN} needs the class counts of the training set, and '
            'PRED does not contain them: give them with --class-counts FILE.'
        )
    steps = PostHocSteps.from_config(class_counts=dump.class_counts, target_prior=given)
    steps.check_num_classes(dump.num_classes)
    return steps.prior


def label_counts(dump: PredictionDump) -> list[int]:
    """Number of samples of each class."""
    return np.bincount(dump.targets, minlength=dump.num_classes).tolist()


def analyse(
    args: argparse.Namespace, thresholds: ShotThresholds
) -> tuple[PredictionDump, dict[str, dict], str]:
    """Analyse each run.

    Returns:
        The first dump, without its scores; the analyses; and a warning, or an empty
        text.
    """
    first = None
    warning = ''
    outdated: list[str] = []
    runs = {}
    for index, (path, name) in enumerate(zip(args.pred, args.names, strict=True)):
        dump = read_predictions(path, whole=False)
        if dump.origin is not None:
            outdated += origin_warnings(Path(path).parent, {path: dump.origin})
        if None not in (args.many, args.few):
            dump = replace(dump, thresholds=thresholds)
        if args.class_counts is not None:
            counts = read_class_vector(args.class_counts, dump.class_names or ())
            dump = dump.with_counts(counts)
        val = None
        if args.val is not None:
            val = read_validation(dump, args.val[index])
        prior = target_prior(args, dump, val)
        if first is None:
            first = dump.without_scores()
        check_same_data(first, dump, (str(args.pred[0]), str(path)))
        tau = 1.0 if args.tau is None else args.tau
        if val is not None:
            tau = choose_tau(val, prior)
        found = contradicted_prior(label_counts(dump), prior) if tau > 0 else None
        if found is not None:
            warning = prior_warning('the test set', found, dump.class_names or ())
        runs[name] = analyse_predictions(dump, tau, thresholds, prior)
        del dump, val  # before the next ones are read
    assert first is not None
    return first, runs, '\n'.join(filter(None, [*outdated, warning]))


def draw(
    folder: Path, first: PredictionDump, runs: dict, thresholds: ShotThresholds
) -> None:
    """Draw all plots."""
    counts = first.class_counts
    assert counts is not None
    for ending in ('png', 'svg'):
        path = folder / f'accuracy_by_count.{ending}'
        plot_accuracy_by_count(counts, runs, path, thresholds=thresholds)
        path = folder / f'class_mass.{ending}'
        plot_class_mass(counts, runs, path, thresholds=thresholds)
        plot_shot_confusion(runs, folder / f'shot_confusion.{ending}')
        plot_tau_curve(runs, folder / f'tau_curve.{ending}')
        plot_reliability(runs, folder / f'reliability.{ending}')


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    check_args(args)
    thresholds = choose_thresholds(args, stated_by(args.pred), say)
    first, runs, warning = analyse(args, thresholds)
    assert first.class_counts is not None  # the analysis has checked it
    classes = describe_classes(first.class_counts, first.class_names, thresholds)
    write_predictions(args.out / 'predictions.json', runs, classes, thresholds)
    write_class_table(args.out / 'classes.csv', runs, classes)
    draw(args.out, first, runs, thresholds)
    result(metrics_table(runs))
    if args.tau is None and args.val is None:
        say('tau is 1 by default; --val VAL_PRED chooses it on validation data.')
    say(f'Wrote tables and plots to {args.out}.')
    if warning:
        warn(warning)
