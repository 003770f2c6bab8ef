"""Long-tailed losses in float64 NumPy, one loop per index, from the papers' formulas.

Slow on purpose: every line is one line of a formula. It shares no code with the
package. ``targets`` are ``(N, C)`` with rows that sum to 1; for class indices, one-hot.
"""

import math

import numpy as np


def fill(counts):
    """A class without samples is treated like the rarest one with samples."""
    rarest = min(n for n in counts if n > 0)
    return [n if n > 0 else rarest for n in counts]


def cross_entropy(logits, targets):
    """Loss of each sample, by the definition of the softmax."""
    losses = np.zeros(len(logits))
    for i, row in enumerate(logits):
        highest = max(row)
        total = sum(math.exp(z - highest) for z in row)
        for j, z in enumerate(row):
            losses[i] -= targets[i, j] * (z - highest - math.log(total))
    return losses


def log_prior(counts):
    return [math.log(n / sum(counts)) for n in fill(counts)]


def logit_adjustment(logits, targets, counts, tau):
    """Menon et al., equation 10."""
    moved = logits.copy()
    for i, j in np.ndindex(*logits.shape):
        moved[i, j] += tau * log_prior(counts)[j]
    return cross_entropy(moved, targets)


def balanced_softmax(logits, targets, counts):
    """Ren et al.: the softmax in which class j occurs n_j times."""
    losses = np.zeros(len(logits))
    filled = fill(counts)
    for i, row in enumerate(logits):
        total = sum(n * math.exp(z) for n, z in zip(filled, row, strict=True))
        for j, z in enumerate(row):
            losses[i] -= targets[i, j] * math.log(filled[j] * math.exp(z) / total)
    return losses


def scaling_factors(counts, gamma):
    return [(n / max(counts)) ** gamma for n in fill(counts)]


def vector_scaling(logits, targets, counts, gamma, tau):
    """Kini et al., the VS loss with omega = 1."""
    moved = logits.copy()
    for i, j in np.ndindex(*logits.shape):
        moved[i, j] *= scaling_factors(counts, gamma)[j]
        moved[i, j] += tau * log_prior(counts)[j]
    return cross_entropy(moved, targets)


def ldam_margins(counts, max_margin):
    """C / n_j^(1/4), with C such that the largest is ``max_margin``."""
    raw = [1 / math.sqrt(math.sqrt(n)) for n in fill(counts)]
    return [r * max_margin / max(raw) for r in raw]


def ldam(logits, targets, counts, max_margin, scale):
    """Cao et al., on logits that are ``scale`` times a cosine."""
    cosines = logits / scale
    margins = ldam_margins(counts, max_margin)
    for i, j in np.ndindex(*logits.shape):
        cosines[i, j] -= targets[i, j] * margins[j]
    return cross_entropy(scale * cosines, targets)


def effective_number_weights(counts, beta):
    """Cui et al., scaled to a mean of 1 over the classes with samples."""
    weights = [(1 - beta) / (1 - beta**n) for n in fill(counts)]
    present = [w for w, n in zip(weights, counts, strict=True) if n > 0]
    return [w * len(present) / sum(present) for w in weights]


def mean_over_samples(weights, counts):
    """The same weights, scaled to a mean of 1 over the training samples."""
    total = sum(n * w for n, w in zip(counts, weights, strict=True))
    return [w * sum(counts) / total for w in weights]


def weight_samples(losses, targets, weights):
    """Weight of a sample's class; of several classes, by their shares."""
    weighted = np.zeros(len(losses))
    for i, j in np.ndindex(*targets.shape):
        weighted[i] += targets[i, j] * weights[j] * losses[i]
    return weighted


def focal(logits, targets, gamma):
    """Lin et al., for C sigmoids; between 0 and 1, as torchvision has it."""
    losses = np.zeros(len(logits))
    for i, j in np.ndindex(*logits.shape):
        t, p = targets[i, j], 1 / (1 + math.exp(-logits[i, j]))
        entropy = -t * math.log(p) - (1 - t) * math.log(1 - p)
        wrong = 1 - (p * t + (1 - p) * (1 - t))
        losses[i] += wrong**gamma * entropy
    return losses


def smoothing_factors(counts, head, tail, shape):
    """Zhong et al., in their own form."""
    filled = fill(counts)
    low, high = min(filled), max(filled)
    if low == high:
        return [head] * len(counts)
    factors = []
    for n in filled:
        place = (n - low) / (high - low)
        if shape == 'concave':
            factors.append(tail + (head - tail) * math.sin(math.pi * place / 2))
        elif shape == 'linear':
            factors.append(tail + (head - tail) * place)
        else:
            angle = 3 * math.pi / 2 + math.pi * place / 2
            factors.append(head + (head - tail) * math.sin(angle))
    return factors


def label_aware_smoothing(logits, targets, counts, head, tail, shape, official=True):
    """Zhong et al.: every class k of a sample is smoothed by its own.

    In their code, all C classes share what the label gives away; in their paper, the
    other C - 1.
    """
    factors = smoothing_factors(counts, head, tail, shape)
    num_classes = len(counts)
    smoothed = np.zeros(logits.shape)
    for i, k in np.ndindex(*targets.shape):
        for j in range(num_classes):
            share = 1 - factors[k] if j == k else 0.0
            if official:
                share += factors[k] / num_classes
            elif j != k:
                share += factors[k] / (num_classes - 1)
            smoothed[i, j] += targets[i, k] * share
    return cross_entropy(logits, smoothed)


def cloud_sizes(counts):
    logs = [math.log(n) for n in fill(counts)]
    sizes = [max(logs) - log for log in logs]
    return [size / max(sizes) if max(sizes) > 0 else 0.0 for size in sizes]


def gcl(logits, targets, counts, normal, noise_scale, margin, scale, gamma=0.0):
    """Li et al.; ``normal`` are draws of standard deviation 1/3."""
    cosines = logits / scale
    sizes = cloud_sizes(counts)
    for i, j in np.ndindex(*logits.shape):
        cosines[i, j] -= noise_scale * sizes[j] * min(abs(normal[i, j]), 1.0)
        cosines[i, j] -= targets[i, j] * margin
    losses = cross_entropy(scale * cosines, targets)
    return np.array([(1 - math.exp(-loss)) ** gamma * loss for loss in losses])


def seesaw(logits, targets, seen, p, q, eps):
    """Wang et al., for one-hot ``targets``."""
    losses = np.zeros(len(logits))
    for i, row in enumerate(logits):
        k = int(np.argmax(targets[i]))
        total = sum(math.exp(z) for z in row)
        sigma = [math.exp(z) / total for z in row]
        denominator = 0.0
        for j, z in enumerate(row):
            factor = 1.0
            if j != k:
                ratio = max(seen[j], 1) / max(seen[k], 1)
                if ratio < 1:
                    factor *= ratio**p
                confusion = sigma[j] / max(sigma[k], eps)
                if confusion > 1:
                    factor *= confusion**q
            denominator += factor * math.exp(z)
        losses[i] = -math.log(math.exp(row[k]) / denominator)
    return losses
