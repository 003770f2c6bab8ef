"""Random gradient records with consistent sums, as from training with softmax."""

import numpy as np

from mmgala.analysis import ClassGradients, GradientRecord, write_record
from mmgala.functional import ShotThresholds

COUNTS = np.array([5, 400, 60, 150, 8, 30])
NAMES = ('ant', 'bee', 'cat', 'dog', 'eel', 'fox')
THRESHOLDS = ShotThresholds(100, 20)
GROUP = (2, 0, 1, 0, 2, 1)  # many, medium, few
BY_COUNT = (1, 3, 2, 5, 4, 0)  # the most frequent first


def random_sums(seed, num_classes=6, counts=COUNTS):
    """Sums of a random matrix of negative gradients, and equal positive gradients."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((num_classes, num_classes)) * 100  # receiving x source class
    np.fill_diagonal(matrix, 0)
    order = sorted(range(num_classes), key=lambda c: (-counts[c], c))
    sources = np.zeros((3, num_classes))
    for giver in range(num_classes):
        group = 0 if counts[giver] > 100 else 2 if counts[giver] < 20 else 1
        sources[group] += matrix[:, giver]
    return ClassGradients(
        pos_grad=matrix.sum(axis=0),
        neg_grad=matrix.sum(axis=1),
        given_grad=matrix.sum(axis=0),
        samples=np.asarray(counts, dtype=float),
        sources=sources,
        matrix=matrix[np.ix_(order, order)],
    )


def added(first, second):
    return ClassGradients(
        **{
            name: getattr(first, name) + getattr(second, name)
            for name in ClassGradients.__dataclass_fields__
        }
    )


def make_record(number=1, unit='epoch', seed=0, names=NAMES, counts=COUNTS, **changes):
    """Record whose sums over the whole training are twice those of the period."""
    period = random_sums(seed + number, len(counts), counts)
    fields = dict(
        unit=unit,
        number=number,
        class_names=tuple(names),
        class_counts=np.asarray(counts),
        thresholds=THRESHOLDS,
        matrix_bins=np.argsort(np.argsort(-np.asarray(counts), kind='stable')),
        period=period,
        total=added(period, period),
    )
    return GradientRecord(**{**fields, **changes})


def write_run(work_dir, epochs=3, **changes):
    """Write the files of a run; return its records."""
    records = [make_record(number, **changes) for number in range(1, epochs + 1)]
    for record in records:
        write_record(record, work_dir / 'gradient_statistics')
    return records
