"""Softmax scores and labels whose true metrics other libraries compute."""

import numpy as np
import torch


def biased_scores(num_samples, num_classes, seed=0):
    """Scores of a model that favours the first classes, and labels.

    Returns:
        ``(N, C)`` float32 array with rows summing to 1, and ``(N,)`` int64.
    """
    rng = np.random.default_rng(seed)
    target = rng.permutation(np.arange(num_samples) % num_classes)
    logits = rng.normal(size=(num_samples, num_classes))
    logits[np.arange(num_samples), target] += 1.5
    logits -= np.linspace(0, 3, num_classes)
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    return scores.astype(np.float32), target.astype(np.int64)


def as_samples(scores, target):
    """The dicts that MMEngine passes to metrics."""
    return [
        {'pred_score': torch.tensor(s), 'gt_label': torch.tensor([int(t)])}
        for s, t in zip(scores, target, strict=True)
    ]


def evaluate(metric, scores, target, class_counts=None, batch_size=7):
    """Metrics of a metric or an evaluator that is fed in batches."""
    if class_counts is not None:
        metric.dataset_meta = {'class_counts': class_counts}
    samples = as_samples(scores, target)
    for start in range(0, len(samples), batch_size):
        batch = samples[start : start + batch_size]
        if hasattr(metric, 'metrics'):
            metric.process(data_samples=batch, data_batch=None)
        else:
            metric.process(data_batch=None, data_samples=batch)
    return metric.evaluate(len(samples))
