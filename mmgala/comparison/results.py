"""Metrics of finished runs, with and without post-hoc steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from mmgala.analysis.comparison_folders import SCORES
from mmgala.analysis.predictions import reliability
from mmgala.analysis.rows import Row, is_balanced
from mmgala.comparison.runs import Run
from mmgala.evaluation.score_blocks import (
    ScoreBlocks,
    blocks_of,
    outcomes_of,
    transformed,
)
from mmgala.evaluation.score_files import SCORES_KEY, FileScores
from mmgala.evaluation.selection import choose_post_hoc
from mmgala.evaluation.shot_thresholds import THRESHOLDS_KEY
from mmgala.functional import PostHocSteps, ShotThresholds, metrics_of_outcomes
from mmgala.functional.metrics import SampleOutcomes
from mmgala.functional.post_hoc import STEPS
from mmgala.functional.prior_check import contradicted_prior, prior_warning
from mmgala.functional.rebalance import class_shares
from mmgala.utils.arrays import read_npz
from mmgala.utils.class_names import check_same_names

BESIDE_SCORES = (
    'gt_label',
    'class_counts',
    'class_draws',
    'class_names',
    THRESHOLDS_KEY,
)


@dataclass(frozen=True)
class Scores:
    """Predictions of one run.

    Attributes:
        test: softmax scores of the test set, ``(N, C)`` float32, whole or in blocks.
        test_targets: labels of the test set, ``(N,)``.
        class_counts: training images of each class, ``(C,)``.
        val: scores of the validation set, if there is one, likewise.
        val_targets: its labels.
        thresholds: shot thresholds, if the file has any.
        class_draws: training samples of each class in one epoch, if the file has any.
        class_names: C names; empty if they are unknown.
    """

    test: np.ndarray | ScoreBlocks
    test_targets: np.ndarray
    class_counts: np.ndarray
    val: np.ndarray | ScoreBlocks | None = None
    val_targets: np.ndarray | None = None
    thresholds: ShotThresholds | None = None
    class_draws: np.ndarray | None = None
    class_names: Sequence[str] = ()


def read_scores(folder: Path) -> Scores:
    """Read what is in a run's folder; the scores themselves when they are used.

    Raises:
        FileNotFoundError: if there are no scores of the test set.
        ValueError: if those of the validation set have other classes.
    """
    test = read_npz(folder / SCORES['test'], BESIDE_SCORES, (SCORES_KEY,))
    scores = Scores(
        FileScores(folder / SCORES['test']),
        test['gt_label'],
        test['class_counts'],
        thresholds=ShotThresholds(*test[THRESHOLDS_KEY].tolist())
        if THRESHOLDS_KEY in test
        else None,
        class_draws=test.get('class_draws'),
        class_names=_names(test) or (),
    )
    path = folder / SCORES['val']
    if not path.is_file():
        return scores
    val = read_npz(path, BESIDE_SCORES, (SCORES_KEY,))
    sources = str(folder / SCORES['test']), str(path)
    check_same_names(scores.class_names or None, _names(val), sources)
    return replace(scores, val=FileScores(path), val_targets=val['gt_label'])


def _names(arrays: Mapping[str, np.ndarray]) -> list[str] | None:
    """Class names in a file of scores, if it has any."""
    return arrays['class_names'].tolist() if 'class_names' in arrays else None


# Class shares that post-hoc steps aim at: C values with sum 1, those of the training
# set or of the validation labels, or None for balanced classes.
TargetPrior = Sequence[float] | Literal['train', 'val'] | None


def prior_of(scores: Scores, target_prior: TargetPrior) -> torch.Tensor | None:
    """Class shares in numbers, ``(C,)``; ``None`` if balanced."""
    if target_prior is None:
        return None
    if not isinstance(target_prior, str):
        return torch.as_tensor(target_prior, dtype=torch.float64)
    if target_prior == 'train':
        return class_shares(scores.class_counts.tolist())
    assert scores.val_targets is not None  # post-hoc steps need a validation set
    support = np.bincount(scores.val_targets, minlength=len(scores.class_counts))
    return class_shares(support.tolist())


AIM_REMEDY = (
    'Aim at other class shares with --target-prior balanced, train, val or FILE'
)


def contradicted_aim(runs: Sequence[Run], target_prior: TargetPrior) -> str:
    """A warning that test labels contradict the aim of post-hoc steps; or ``''``.

    Without a target prior, an unbalanced test set is no contradiction: the steps then
    aim at the class mean; see :func:`choose_steps`.
    """
    done = next((run for run in runs if run.finished), None)
    if done is None:
        return ''
    scores = read_scores(done.folder)
    if target_prior is None and not is_balanced(scores.test_targets):
        return ''
    num_classes = len(scores.class_counts)
    support = np.bincount(scores.test_targets, minlength=num_classes)
    found = contradicted_prior(support.tolist(), prior_of(scores, target_prior))
    if found is None:
        return ''
    return prior_warning('the test set', found, scores.class_names, AIM_REMEDY)


def step_names(post_hoc: str) -> list[str]:
    """Fields of ``PostHocSteps`` for a value of ``mmgala.names.POST_HOC``."""
    return post_hoc.replace('-', '_').split('+')


def diverged(runs: Sequence[Run]) -> dict[str, str]:
    """One line for each finished run whose scores are not finite, by its name."""
    return {
        run.name: 'the training diverged: its scores are not finite'
        for run in runs
        if run.finished and not blocks_of(read_scores(run.folder).test).are_finite()
    }


def post_hoc_title(post_hoc: str) -> str:
    """Title of a value of ``POST_HOC`` in tables."""
    return ' + '.join(STEPS[name].title for name in step_names(post_hoc))


def choose_steps(
    scores: Scores, post_hoc: str, target_prior: TargetPrior = None
) -> PostHocSteps:
    """Choose the strengths of steps on the validation set.

    Re-balancing uses the predicted class marginal of the test scores (never their
    labels) if the test set has the assumed class shares: it is balanced, or
    ``target_prior`` is given. On an imbalanced test set without a prior it uses the
    marginal of the validation scores, weighted as if that set were balanced.

    Args:
        scores: of a run with a validation set.
        post_hoc: one of ``POST_HOC``.
        target_prior: class shares of the test set, see :data:`TargetPrior`. Strengths
            are then chosen for top-1 accuracy under these shares instead of the mean
            over classes.

    Returns:
        Steps for the scores of the whole test set.

    Raises:
        ValueError: if there are no validation scores.
    """
    if scores.val is None or scores.val_targets is None:
        raise ValueError(f'{post_hoc} needs validation scores to choose its strength.')
    asked: dict[str, Any] = dict.fromkeys(step_names(post_hoc), 'auto')
    vectors: dict[str, Any] = dict(
        class_counts=scores.class_counts,
        class_draws=scores.class_draws,
        target_prior=prior_of(scores, target_prior),
    )
    steps = choose_post_hoc(scores.val, scores.val_targets, **asked, **vectors).steps
    if target_prior is not None or is_balanced(scores.test_targets):
        return steps.without_class_mass()
    return steps


def apply_post_hoc(
    scores: Scores, post_hoc: str, target_prior: TargetPrior = None
) -> tuple[ScoreBlocks, dict[str, float]]:
    """Apply the steps of :func:`choose_steps`, which has the arguments, to the test.

    Returns:
        Scores ``(N, C)`` in blocks, and the chosen strength of each step.
    """
    steps = choose_steps(scores, post_hoc, target_prior)
    return transformed(blocks_of(scores.test), steps), steps.strengths


def evaluate(
    scores: np.ndarray | ScoreBlocks,
    targets: np.ndarray,
    class_counts: np.ndarray,
    thresholds: ShotThresholds | None = None,
) -> dict[str, float]:
    """Metrics of :func:`mmgala.functional.long_tailed_metrics`, in percent."""
    outcomes = outcomes_of(blocks_of(scores), torch.from_numpy(targets))
    return _metrics(outcomes, class_counts, thresholds)


def _metrics(
    outcomes: SampleOutcomes,
    class_counts: np.ndarray,
    thresholds: ShotThresholds | None,
) -> dict[str, float]:
    counts = torch.from_numpy(class_counts)
    return metrics_of_outcomes(outcomes, len(counts), counts, thresholds=thresholds)


def evaluate_runs(
    runs: Sequence[Run],
    post_hoc: Sequence[str] = (),
    target_prior: TargetPrior = None,
    thresholds: ShotThresholds | None = None,
) -> tuple[list[Row], np.ndarray]:
    """Rows of all methods with finished runs, without and with post-hoc steps.

    Args:
        runs: runs of a plan; those not finished or not requested are skipped.
        post_hoc: values of ``POST_HOC``.
        target_prior: class shares that post-hoc steps aim at; see
            :func:`choose_steps`.
        thresholds: shot thresholds.

    Returns:
        Rows, and the labels of the test set, ``(N,)``.
    """
    found: dict[
        tuple[str, str], list[tuple[int, dict[str, float], np.ndarray, dict]]
    ] = {}
    targets = np.zeros(0, dtype=np.int64)
    names: Sequence[str] = ()
    for run in runs:
        if not run.requested or not run.finished:
            continue
        scores = read_scores(run.folder)
        check_same_names(
            names or None,
            scores.class_names or None,
            ('The scores of other runs', str(run.folder)),
        )
        names = names or scores.class_names
        targets = scores.test_targets
        for step in ('', *post_hoc):
            changed, chosen = blocks_of(scores.test), dict[str, float]()
            if step:
                changed, chosen = apply_post_hoc(scores, step, target_prior)
            outcomes = outcomes_of(changed, torch.from_numpy(targets))
            metrics = _metrics(outcomes, scores.class_counts, thresholds)
            correct = outcomes.rank == 0
            bins = reliability(outcomes.confidence, correct)
            entry = (run.seed, {**chosen, **metrics}, correct.numpy(), bins)
            found.setdefault((run.method, step), []).append(entry)
    rows = []
    for (method, step), entries in found.items():
        name = f'{method} + {post_hoc_title(step)}' if step else method
        seeds, metrics_of_runs, correct, bins = zip(*entries, strict=True)
        rows.append(
            Row(name, method, step, seeds, metrics_of_runs, np.stack(correct), bins)
        )
    order = list(dict.fromkeys(run.method for run in runs))
    return sorted(rows, key=lambda row: order.index(row.method)), targets
