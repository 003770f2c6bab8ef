"""Made-up rows of a comparison."""

import numpy as np
import torch

from mmgala.analysis.predictions import reliability
from mmgala.analysis.rows import Row
from mmgala.functional import ShotThresholds, long_tailed_metrics


def make_row(scores, targets, counts, method='ce', post_hoc='', seeds=None, **options):
    """A row from softmax scores ``(seeds, N, C)``."""
    seeds = seeds or tuple(range(len(scores)))
    runs, bins = [], []
    for one in scores:
        tensors = torch.from_numpy(one), torch.from_numpy(targets)
        runs.append(long_tailed_metrics(*tensors, counts, **options))
        right = tensors[0].argmax(dim=1) == tensors[1]
        bins.append(reliability(tensors[0].amax(dim=1), right))
    correct = scores.argmax(axis=2) == targets
    name = f'{method} + re-balancing' if post_hoc else method
    return Row(name, method, post_hoc, seeds, runs, correct, bins)


def draw_scores(rng, targets, level, seeds=1, confidence=None):
    """Softmax scores ``(seeds, N, C)``, right with probability ``level`` of the class.

    Args:
        rng: random numbers.
        targets: ``(N,)``.
        level: probability of each class, ``(C,)``.
        seeds: number of seeds.
        confidence: the score of the predicted class. Defaults to the mean accuracy.
    """
    classes = len(level)
    right = rng.random((seeds, len(targets))) < np.asarray(level)[targets]
    wrong = (targets + rng.integers(1, classes, right.shape)) % classes
    predicted = np.where(right, targets, wrong)
    sure = np.mean(level) if confidence is None else confidence
    sure = max(sure, 1.5 / classes)
    scores = np.full((*right.shape, classes), (1 - sure) / (classes - 1))
    np.put_along_axis(scores, predicted[:, :, None], sure, axis=2)
    return scores.astype(np.float32)


THRESHOLDS = ShotThresholds(many=100, few=20)
