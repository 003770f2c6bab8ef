"""Names that the command line offers, known without importing PyTorch."""

import itertools
from typing import NamedTuple


class StepText(NamedTuple):
    """How the command line describes a kind of post-hoc step.

    Attributes:
        title: name in tables and messages.
        purpose: what the step does, for the help text of a command.
    """

    title: str
    purpose: str


# By the fields of mmgala.functional.PostHocSteps, in the order of application.
STEP_TEXTS = {
    'logit_adjustment': StepText(
        'logit adjustment',
        'divide the scores by this power of the training counts; in theory 1',
    ),
    'rebalancing': StepText(
        're-balancing', 'divide the scores by this power of the class mass'
    ),
    'temperature': StepText(
        'temperature',
        'divide the logits by this; above 1, scores become less confident',
    ),
}

# Post-hoc steps to evaluate: one, or several that are applied in this order.
POST_HOC = tuple(
    '+'.join(name.replace('_', '-') for name in names)
    for number in range(1, len(STEP_TEXTS) + 1)
    for names in itertools.combinations(STEP_TEXTS, number)
)
METRIC_NAMES = {
    'top1': 'top-1',
    'many': 'many',
    'medium': 'medium',
    'few': 'few',
    'class_mean': 'class mean',
    'worst_class': 'worst class',
    'ece': 'ECE',
}
"""Heading of each metric in tables, by its key in files and logs."""
# Where the scores of a data set are kept while it is predicted.
SCORE_STORAGE = ('auto', 'memory', 'file', 'half', 'half-file')
# Another way to re-balance: keep no scores, and predict the data set twice.
RECOMPUTE = 'recompute'
# Of a comparison: the checkpoint of each run that is evaluated.
SELECTIONS = ('last', 'best')
# Ways to re-train a classifier.
RETRAINING_METHODS = ('crt', 'lws', 'tau-norm', 'ncm')
# Data sets that can be prepared.
DATA_SET_NAMES = (
    'cifar10',
    'cifar100',
    'plankton',
    'fashion-mnist',
    'imagenet-lt',
    'places-lt',
    'inaturalist2018',
)
