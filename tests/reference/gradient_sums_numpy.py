"""Gradient sums written out sample by sample and class by class, in float64."""

import numpy as np


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def shot_group(count, many, few):
    """0, 1 or 2: many-, medium- or few-shot."""
    return 0 if count > many else 2 if count < few else 1


def gradient_sums(grad, target, class_counts, many=100, few=20, bins=None):
    """All sums of ``mmgala.functional.GradientSums``, by name.

    Args:
        grad: gradient of each sample's loss on its logits, ``(N, C)``.
        target: soft labels, ``(N, C)``.
        class_counts: C integers.
        many: limit of the many-shot classes.
        few: limit of the few-shot classes.
        bins: bin of each class; by default its rank, the most frequent first.
    """
    num_classes = len(class_counts)
    if bins is None:
        by_count = sorted(range(num_classes), key=lambda c: (-class_counts[c], c))
        bins = [by_count.index(c) for c in range(num_classes)]
    size = max(bins) + 1
    sums = dict(
        pos_grad=np.zeros(num_classes),
        neg_grad=np.zeros(num_classes),
        given_grad=np.zeros(num_classes),
        samples=np.zeros(num_classes),
        sources=np.zeros((3, num_classes)),
        matrix=np.zeros((size, size)),
    )
    for g, t in zip(grad, target, strict=True):
        for k in range(num_classes):
            sums['samples'][k] += t[k]
        for j in range(num_classes):
            if g[j] < 0:
                sums['pos_grad'][j] -= g[j]
                continue
            sums['neg_grad'][j] += g[j]
            for k in range(num_classes):
                part = t[k] * g[j]
                sums['given_grad'][k] += part
                sums['sources'][shot_group(class_counts[k], many, few), j] += part
                sums['matrix'][bins[j], bins[k]] += part
    return sums
