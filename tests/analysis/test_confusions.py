"""Classes that take each other's images, against a dense confusion matrix."""

import numpy as np
import pytest

from mmgala.analysis.confusions import class_confusions


def expected(matrix, most):
    """Others and counts of each row, largest first, ties by class."""
    found = []
    for c, row in enumerate(matrix):
        pairs = [(-n, other) for other, n in enumerate(row) if n and other != c]
        found.append([v for n, other in sorted(pairs)[:most] for v in (other, -n)])
    return found


@pytest.mark.parametrize(('num_classes', 'most'), [(12, 5), (1200, 3)])
def test_lists_are_the_largest_entries_of_rows_and_columns(num_classes, most):
    rng = np.random.default_rng(0)
    target = rng.integers(0, num_classes, 4000)
    predicted = (target + rng.geometric(0.3, 4000) - 1) % num_classes
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    np.add.at(matrix, (target, predicted), 1)
    found = class_confusions(target, predicted, num_classes)
    assert found['taken_by'] == expected(matrix, most)
    assert found['taken_from'] == expected(matrix.T, most)
    assert max(map(len, found['taken_by'])) == 2 * most


def test_no_mistakes_give_empty_lists():
    target = np.array([0, 1, 1])
    assert class_confusions(target, target, 3) == {
        'taken_by': [[], [], []],
        'taken_from': [[], [], []],
    }
