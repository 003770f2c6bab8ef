"""Metrics of finished runs, with and without post-hoc steps."""

from collections.abc import Sequence

import numpy as np
import torch

from mmgala.analysis.compared_scores import (
    Scores,
    TargetPrior,
    choose_steps,
    prior_of,
    read_scores,
    step_names,
)
from mmgala.analysis.predictions import reliability
from mmgala.analysis.rows import Row, is_balanced
from mmgala.comparison.runs import Run
from mmgala.evaluation.score_blocks import (
    ScoreBlocks,
    blocks_of,
    outcomes_of,
    transformed,
)
from mmgala.functional import ShotThresholds, metrics_of_outcomes
from mmgala.functional.metrics import SampleOutcomes
from mmgala.functional.post_hoc import STEPS
from mmgala.functional.prior_check import contradicted_prior, prior_warning
from mmgala.utils.class_names import check_same_names

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
