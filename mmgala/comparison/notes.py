"""What a report says of its data and its figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.comparison.results import Scores, is_balanced, read_scores
from mmgala.comparison.runs import Run
from mmgala.comparison.verdict import caution

CHOICE = {
    'last': 'The last epoch counts.',
    'best': 'The epoch with the best per-class mean on the validation set counts.',
}
NEVER = 'Nothing was chosen on the test set.'
UNBALANCED = (
    'The test set is not balanced: the per-class mean is compared, as top-1 is mostly '
    'that of the frequent classes.'
)
FOR_CLASS_MEAN = (
    'Post-hoc steps aim at the per-class mean: re-balancing takes the class mass of '
    'the validation scores, weighted as if that set were balanced.'
)
TRAINING_PRIOR = (
    'Post-hoc steps aim at top-1 on data with the class shares of the training set.'
)
INTERVAL = (
    'Intervals: 95 % of 10,000 draws of the test images within each class and, in '
    'pairs, of the seeds.'
)


def describe_data(runs: Sequence[Run]) -> str:
    """What was trained and tested on; the config's name where nothing has finished."""
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
        f'images, {len(scores.test):,} test images'
    )


def _data_names(dataset: Any) -> list[str]:
    """Types of what is in a data set's wrappers."""
    if 'datasets' in dataset:
        return [name for part in dataset['datasets'] for name in _data_names(part)]
    if 'dataset' in dataset:
        return _data_names(dataset['dataset'])
    kind = dataset['type']
    name = kind if isinstance(kind, str) else kind.__name__
    return [name.rpartition('.')[2]]


def notes(
    runs: Sequence[Run],
    selection: str,
    post_hoc: Sequence[str],
    limits: Mapping[str, int],
    targets: np.ndarray,
    training_prior: bool = False,
) -> list[str]:
    """What the numbers are, and how runs, epochs and intervals came about.

    Args:
        runs: of the plan.
        selection: which epoch counts.
        post_hoc: names of post-hoc steps.
        limits: ``many`` and ``few``.
        targets: labels of the test set, ``(N,)``.
        training_prior: whether post-hoc steps aim at the training set's class shares.
    """
    seeds = len({run.seed for run in runs})
    spread = f'mean ± standard deviation of {seeds} seeds' if seeds > 1 else 'one seed'
    remarks = [
        f'Percent on the test set, {spread}.',
        f'many: classes of more than {limits["many"]} training images; few: of fewer '
        f'than {limits["few"]}.',
        CHOICE[selection],
    ]
    if not is_balanced(targets):
        remarks.append(UNBALANCED)
    if post_hoc:
        remarks.append('What is done after training was chosen on the validation set.')
        if training_prior:
            remarks.append(TRAINING_PRIOR)
        elif not is_balanced(targets):
            remarks.append(FOR_CLASS_MEAN)
    return [*remarks, NEVER, INTERVAL, *filter(None, [caution(seeds)])]
