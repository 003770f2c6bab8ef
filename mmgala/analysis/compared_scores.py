"""Scores that a comparison keeps of its runs, and the post-hoc steps they choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from mmgala.analysis.comparison_folders import SCORES
from mmgala.analysis.rows import is_balanced
from mmgala.evaluation.score_blocks import ScoreBlocks
from mmgala.evaluation.score_files import SCORES_KEY, FileScores
from mmgala.evaluation.selection import choose_post_hoc
from mmgala.evaluation.shot_thresholds import THRESHOLDS_KEY
from mmgala.functional import PostHocSteps, ShotThresholds
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


def step_names(post_hoc: str) -> list[str]:
    """Fields of ``PostHocSteps`` for a value of ``mmgala.names.POST_HOC``."""
    return post_hoc.replace('-', '_').split('+')


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
