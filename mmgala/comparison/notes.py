"""Sentences that explain the table of a comparison: data, choices, intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmgala.analysis.compared_scores import Scores, TargetPrior, read_scores
from mmgala.analysis.rows import is_balanced
from mmgala.comparison.runs import Run
from mmgala.functional import ShotThresholds

EPOCH_NOTES = {
    'last': 'Results are those of the last epoch.',
    'best': 'Results are those of the epoch with the best validation class mean.',
}
NOT_ON_TEST_SET = 'Nothing was chosen on the test set.'
FOR_CLASS_MEAN = (
    'Post-hoc steps aim at the class mean: re-balancing uses the class mass of '
    'the validation scores, weighted as if that set were balanced. --target-prior '
    'train, val or FILE aims at top-1 under class shares instead.'
)
AIM_OF_PRIOR = 'Post-hoc steps aim at top-1 on data with {}.'
SHARES = {
    'train': 'the class shares of the training set',
    'val': 'the class shares of the validation set',
    'given': 'the given class shares',
}
INTERVAL = 'Intervals of the table hold with 95 % confidence each.'


def describe_data(runs: Sequence[Run]) -> str:
    """Data set, config and, once a run has finished, numbers of images."""
    cfg = runs[0].cfg
    name = ' and '.join(dict.fromkeys(_data_names(cfg.test_dataloader.dataset)))
    if cfg.filename:
        name += f', config {Path(cfg.filename).stem}'
    done = next((run for run in runs if run.finished), None)
    return f'{name}{_sizes(read_scores(done.folder)) if done else ""}.'


def _sizes(scores: Scores) -> str:
    counts = scores.class_counts
    return (
        f': {len(counts):,} classes of {counts.max():,} to {counts.min():,} training '
        f'images, {len(scores.test_targets):,} test images'
    )


def _data_names(dataset: Any) -> list[str]:
    """Types of the data sets within wrappers."""
    if 'datasets' in dataset:
        return [name for part in dataset['datasets'] for name in _data_names(part)]
    if 'dataset' in dataset:
        return _data_names(dataset['dataset'])
    kind = dataset['type']
    name = kind if isinstance(kind, str) else kind.__name__
    return [name.rpartition('.')[2]]


def footnotes(
    runs: Sequence[Run],
    selection: str,
    post_hoc: Sequence[str],
    thresholds: ShotThresholds,
    targets: np.ndarray,
    target_prior: TargetPrior = None,
    class_counts: np.ndarray | None = None,
    own_loss: str = '',
) -> list[str]:
    """Explain the numbers of the table, the choice of epochs, and the intervals.

    Args:
        runs: runs of the plan.
        selection: ``'last'`` or ``'best'`` epoch.
        post_hoc: values of ``POST_HOC``.
        thresholds: shot thresholds.
        targets: labels of the test set, ``(N,)``.
        target_prior: class shares that post-hoc steps aim at.
        class_counts: training images of each class, ``(C,)``, if known.
        own_loss: sentences on the loss of the config and on what is added to all
            trainings, if needed.
    """
    seeds = len({run.seed for run in runs})
    spread = f'mean ± standard deviation of {seeds} seeds' if seeds > 1 else 'one seed'
    remarks = [
        f'Percent on the test set, {spread}.',
        f'many: classes of more than {thresholds.many} training images; few: of fewer '
        f'than {thresholds.few}.',
        EPOCH_NOTES[selection],
        *filter(None, [own_loss]),
    ]
    if class_counts is not None:
        empty = thresholds.empty_groups(torch.from_numpy(class_counts))
        remarks += [f'{name}: no classes.' for name in empty]
    if post_hoc:
        remarks.append('Post-hoc steps were chosen on the validation set.')
        if target_prior is not None:
            named = target_prior if isinstance(target_prior, str) else 'given'
            shares = SHARES[named]
            remarks.append(AIM_OF_PRIOR.format(shares))
        elif not is_balanced(targets):
            remarks.append(FOR_CLASS_MEAN)
    return [*remarks, NOT_ON_TEST_SET, INTERVAL]
