"""Whether labels of a test set contradict the class shares that were assumed for it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.runner import Runner

from mmgala.datasets import dataset_labels
from mmgala.datasets.labels import class_names
from mmgala.evaluation import PostHocEvaluator
from mmgala.functional.post_hoc import PostHocSteps
from mmgala.functional.prior_check import contradicted_prior, prior_warning
from mmgala.post_hoc import PostHocChain, PostHocStep
from mmgala.utils.checkpoint_fit import unwrap_model

DEPLOYED_REMEDY = (
    'Fit the model again with mmgala fit --target-prior train, val or '
    'FILE, or test the one without post-hoc steps'
)


def contradicted_assumption(runner: Runner) -> str:
    """A warning that class shares assumed in a test contradict its labels.

    They are assumed by post-hoc steps, of the evaluator or of the model.

    Args:
        runner: that has tested.

    Returns:
        The warning; empty if there is no contradiction or no label.
    """
    evaluator = runner.test_evaluator
    if isinstance(evaluator, PostHocEvaluator):
        return evaluator.warning
    head = getattr(unwrap_model(runner.model), 'head', None)
    for step in _steps_of(getattr(head, 'post_hoc', None)):
        dataset = runner.test_dataloader.dataset
        num_classes = getattr(head, 'num_classes', None)
        labels = _labels(dataset)
        if labels is None or not num_classes or labels.max() >= num_classes:
            return ''
        values: PostHocSteps = step.values(num_classes)
        if values.assumes_prior:
            support = np.bincount(labels, minlength=num_classes)
            found = contradicted_prior(support.tolist(), values.prior)
            if found is not None:
                names = class_names(dataset)
                return prior_warning('the test set', found, names, DEPLOYED_REMEDY)
    return ''


def _steps_of(post_hoc: Any) -> Iterator[PostHocStep]:
    if isinstance(post_hoc, PostHocChain):
        yield from post_hoc.steps
    elif isinstance(post_hoc, PostHocStep):
        yield post_hoc


def _labels(dataset: Any) -> np.ndarray | None:
    """Labels of a data set, ``(N,)``; ``None`` if there are none."""
    try:
        labels = dataset_labels(dataset)
    except (TypeError, ValueError):
        return None
    return labels if len(labels) and labels.min() >= 0 else None
