"""The metrics of LongTailedAccuracy by scikit-learn and NumPy."""

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score


def numpy_ece(confidence, correct, num_bins=15):
    """Guo et al., ICML 2017, eqs. 3 and 5: bins ((m - 1) / M, m / M], in percent."""
    total = 0.0
    for m in range(1, num_bins + 1):
        low, high = (m - 1) / num_bins, m / num_bins
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            total += inside.mean() * gap
    return 100 * total


def expected_metrics(scores, target, counts, many, few):
    """Every metric, of classes that all have test samples, in percent."""
    predicted = scores.argmax(axis=1)
    recalls = recall_score(target, predicted, average=None)
    counts = np.asarray(counts)
    groups = {
        'many': counts > many,
        'medium': (counts >= few) & (counts <= many),
        'few': counts < few,
    }
    metrics = {
        'top1': accuracy_score(target, predicted),
        **{name: recalls[classes].mean() for name, classes in groups.items()},
        'class_mean': balanced_accuracy_score(target, predicted),
        'worst_class': recalls.min(),
        'ece': numpy_ece(scores.max(axis=1), predicted == target) / 100,
    }
    return {f'accuracy/{name}': 100 * value for name, value in metrics.items()}
