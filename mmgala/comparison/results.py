"""Metrics of finished runs, with and without post-hoc steps."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from mmgala.comparison.runs import SCORES, Run
from mmgala.evaluation.selection import choose_post_hoc
from mmgala.evaluation.shot_thresholds import THRESHOLDS_KEY
from mmgala.functional import ShotThresholds, long_tailed_metrics
from mmgala.functional.post_hoc import STEPS
from mmgala.utils.arrays import read_npz

# A test set whose classes differ by more than this factor is not balanced: its top-1 is
# mostly that of its frequent classes.
NEARLY_EQUAL = 1.5


@dataclass(frozen=True)
class Scores:
    """Predictions of one run.

    Attributes:
        test: softmax scores of the test set, ``(N, C)`` float32.
        test_targets: labels of the test set, ``(N,)``.
        class_counts: training images of each class, ``(C,)``.
        val: scores of the validation set, if there is one.
        val_targets: its labels.
        thresholds: shot thresholds, if the file has any.
        class_draws: training samples of each class in one epoch, if the file has any.
    """

    test: np.ndarray
    test_targets: np.ndarray
    class_counts: np.ndarray
    val: np.ndarray | None = None
    val_targets: np.ndarray | None = None
    thresholds: ShotThresholds | None = None
    class_draws: np.ndarray | None = None


def read_scores(folder: Path) -> Scores:
    """Read the scores in a run's folder.

    Raises:
        FileNotFoundError: if there are no scores of the test set.
    """
    test = read_npz(folder / SCORES['test'])
    scores = Scores(
        test['pred_score'],
        test['gt_label'],
        test['class_counts'],
        thresholds=ShotThresholds(*test[THRESHOLDS_KEY].tolist())
        if THRESHOLDS_KEY in test
        else None,
        class_draws=test.get('class_draws'),
    )
    path = folder / SCORES['val']
    if not path.is_file():
        return scores
    val = read_npz(path)
    return replace(scores, val=val['pred_score'], val_targets=val['gt_label'])


def is_balanced(targets: np.ndarray) -> bool:
    """Whether the classes of a test set have about the same size.

    Args:
        targets: labels of the test set, ``(N,)``.
    """
    sizes = np.unique(targets, return_counts=True)[1]
    return not len(sizes) or bool(sizes.max() <= NEARLY_EQUAL * sizes.min())


def leading_metric(targets: np.ndarray) -> str:
    """Metric that methods are compared by: top-1, or the mean over classes.

    The two are equal on a balanced test set. On others, top-1 is mostly the accuracy of
    the frequent classes, so ``'class_mean'`` leads.

    Args:
        targets: labels of the test set, ``(N,)``.

    Returns:
        A key of ``METRIC_NAMES``.
    """
    return 'top1' if is_balanced(targets) else 'class_mean'


# Post-hoc steps to evaluate: one, or several that are applied in this order.
POST_HOC = tuple(
    '+'.join(name.replace('_', '-') for name in names)
    for number in range(1, len(STEPS) + 1)
    for names in itertools.combinations(STEPS, number)
)


def step_names(post_hoc: str) -> list[str]:
    """Fields of ``PostHocSteps`` for a value of ``POST_HOC``."""
    return post_hoc.replace('-', '_').split('+')


def diverged(runs: Sequence[Run]) -> dict[str, str]:
    """One line for each finished run whose scores are not finite, by its name."""
    return {
        run.name: 'the training diverged: its scores are not finite'
        for run in runs
        if run.finished and not np.isfinite(read_scores(run.folder).test).all()
    }


def post_hoc_title(post_hoc: str) -> str:
    """Title of a value of ``POST_HOC`` in tables."""
    return ' + '.join(STEPS[name].title for name in step_names(post_hoc))


def apply_post_hoc(
    scores: Scores,
    post_hoc: str,
    target_prior: np.ndarray | torch.Tensor | Literal['train'] | None = None,
) -> tuple[np.ndarray, dict[str, float]]:
    """Apply steps, with strengths chosen on the validation set, to the test scores.

    Re-balancing uses the predicted class marginal of the test scores (never their
    labels) if the test set has the assumed class shares: it is balanced, or
    ``target_prior`` is given. On an imbalanced test set without a prior it uses the
    marginal of the validation scores, weighted as if that set were balanced.

    Args:
        scores: of a run with a validation set.
        post_hoc: one of ``POST_HOC``.
        target_prior: class shares of the test set, ``(C,)`` with sum 1, or ``'train'``:
            those of the training set. Strengths are then chosen for top-1 accuracy
            under these shares instead of the mean over classes.

    Returns:
        Scores ``(N, C)``, and the chosen strength of each step.

    Raises:
        ValueError: if there are no validation scores.
    """
    if scores.val is None or scores.val_targets is None:
        raise ValueError(f'{post_hoc} needs validation scores to choose its strength.')
    asked: dict[str, Any] = dict.fromkeys(step_names(post_hoc), 'auto')
    vectors: dict[str, Any] = dict(
        class_counts=scores.class_counts,
        class_draws=scores.class_draws,
        target_prior=target_prior,
    )
    steps = choose_post_hoc(scores.val, scores.val_targets, **asked, **vectors).steps
    if target_prior is not None or is_balanced(scores.test_targets):
        steps = steps.without_class_mass()
    return steps.transform(torch.from_numpy(scores.test)).numpy(), steps.strengths


@dataclass(frozen=True)
class Row:
    """A row of the table: metrics of a method over all seeds.

    Attributes:
        name: name of the row.
        method: name of the method.
        post_hoc: a value of ``POST_HOC``; empty for unchanged scores.
        seeds: finished seeds, ascending.
        runs: metrics of each seed in percent, and the chosen strengths.
        correct: whether each test sample is classified correctly, ``(seeds, N)``.
    """

    name: str
    method: str
    post_hoc: str
    seeds: Sequence[int]
    runs: Sequence[Mapping[str, float]]
    correct: np.ndarray


def evaluate(
    scores: np.ndarray,
    targets: np.ndarray,
    class_counts: np.ndarray,
    thresholds: ShotThresholds | None = None,
) -> dict[str, float]:
    """Metrics of :func:`mmgala.functional.long_tailed_metrics`, in percent."""
    return long_tailed_metrics(
        torch.from_numpy(scores),
        torch.from_numpy(targets),
        torch.from_numpy(class_counts),
        thresholds=thresholds,
    )


def evaluate_runs(
    runs: Sequence[Run],
    post_hoc: Sequence[str] = (),
    training_prior: bool = False,
    thresholds: ShotThresholds | None = None,
) -> tuple[list[Row], np.ndarray]:
    """Rows of all methods with finished runs, without and with post-hoc steps.

    Args:
        runs: runs of a plan; those not finished or not requested are skipped.
        post_hoc: values of ``POST_HOC``.
        training_prior: whether post-hoc steps aim at the class shares of the training
            set; see :func:`apply_post_hoc`.
        thresholds: shot thresholds.

    Returns:
        Rows, and the labels of the test set, ``(N,)``.
    """
    found: dict[tuple[str, str], list[tuple[int, dict[str, float], np.ndarray]]] = {}
    targets = np.zeros(0, dtype=np.int64)
    for run in runs:
        if not run.requested or not run.finished:
            continue
        scores = read_scores(run.folder)
        targets = scores.test_targets
        for step in ('', *post_hoc):
            changed, chosen = scores.test, dict[str, float]()
            if step:
                prior: Literal['train'] | None = 'train' if training_prior else None
                changed, chosen = apply_post_hoc(scores, step, prior)
            metrics = evaluate(changed, targets, scores.class_counts, thresholds)
            correct = changed.argmax(axis=1) == targets
            entry = (run.seed, {**chosen, **metrics}, correct)
            found.setdefault((run.method, step), []).append(entry)
    rows = []
    for (method, step), entries in found.items():
        name = f'{method} + {post_hoc_title(step)}' if step else method
        seeds, metrics_of_runs, correct = zip(*entries, strict=True)
        rows.append(Row(name, method, step, seeds, metrics_of_runs, np.stack(correct)))
    order = list(dict.fromkeys(run.method for run in runs))
    return sorted(rows, key=lambda row: order.index(row.method)), targets
