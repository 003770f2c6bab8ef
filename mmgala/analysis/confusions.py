"""Which classes take whose images: the pairs of classes that a model confuses most."""

import numpy as np

# Each class shows at most this many others, fewer if a page would get too large.
MOST_OTHERS = 5
MOST_OTHERS_OF_MANY = 3
MANY_CLASSES = 1000


def class_confusions(
    target: np.ndarray, predicted: np.ndarray, num_classes: int
) -> dict[str, list[list[int]]]:
    """The classes that each class is confused with most, in both directions.

    Args:
        target: labels, ``(N,)``.
        predicted: predicted classes, ``(N,)``.
        num_classes: C, the number of classes.

    Returns:
        ``taken_by``: for each class, the classes that its images are assigned to;
        ``taken_from``: for each class, the classes whose images are assigned to it.
        Each of the C lists has class and number of images in turn, most images first
        (ties by class), without correct predictions and shortened to 5 classes, or 3
        if there are more than 1,000.

    Examples:
        >>> found = class_confusions(np.array([0, 0, 0, 1]), np.array([1, 1, 2, 1]), 3)
        >>> found['taken_by']
        [[1, 2, 2, 1], [], []]
        >>> found['taken_from']
        [[], [0, 2], [0, 1]]
    """
    wrong = target != predicted
    pairs, counts = np.unique(
        target[wrong] * num_classes + predicted[wrong], return_counts=True
    )
    true, given = np.divmod(pairs, num_classes)
    return {
        'taken_by': _most_frequent(true, given, counts, num_classes),
        'taken_from': _most_frequent(given, true, counts, num_classes),
    }


def _most_frequent(
    of: np.ndarray, other: np.ndarray, counts: np.ndarray, num_classes: int
) -> list[list[int]]:
    """Others and counts in turn, for each class in ``of``, largest counts first."""
    most = MOST_OTHERS if num_classes <= MANY_CLASSES else MOST_OTHERS_OF_MANY
    order = np.lexsort((other, -counts, of))
    ends = np.searchsorted(of[order], np.arange(num_classes + 1))
    columns = np.stack([other[order], counts[order]], axis=1)
    return [
        columns[start : min(end, start + most)].ravel().tolist()
        for start, end in zip(ends[:-1], ends[1:], strict=True)
    ]
