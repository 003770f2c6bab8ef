"""Softmax equalization loss in float64 NumPy, from the paper's formula alone."""

import math

import numpy as np


def equalization_loss(logits, targets, beta, shares, threshold):
    """Loss of each sample.

    Args:
        logits: z, (N, C).
        targets: y, (N, C), rows sum to 1.
        beta: draws of 0 or 1, (N, C).
        shares: f, (C,).
        threshold: lambda.
    """
    num_samples, num_classes = logits.shape
    losses = np.zeros(num_samples)
    for i in range(num_samples):
        denominator = 0.0
        for k in range(num_classes):
            tail = 1 if shares[k] < threshold else 0
            weight = 1 - beta[i, k] * tail * (1 - targets[i, k])
            denominator += weight * math.exp(logits[i, k])
        for j in range(num_classes):
            probability = math.exp(logits[i, j]) / denominator
            losses[i] -= targets[i, j] * math.log(probability)
    return losses


def gradients(logits, targets, beta, shares, threshold, step=1e-6):
    """Central differences of the summed loss, (N, C)."""
    result = np.zeros(logits.shape)
    for place in np.ndindex(*logits.shape):
        moved = [logits.copy(), logits.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        high, low = (
            equalization_loss(z, targets, beta, shares, threshold).sum() for z in moved
        )
        result[place] = (high - low) / (2 * step)
    return result
