"""Prediction re-balancing in float64 NumPy, from the formula of the design alone."""

import numpy as np


def rebalance(scores, tau=1.0, class_mass=None, target_prior=None):
    """``Q_ij = P_ij * (prior_j * C) ** tau / S_j ** tau``, rows summing to 1."""
    scores = np.asarray(scores, dtype=np.float64)
    num_samples, num_classes = scores.shape
    mass = scores.sum(axis=0) if class_mass is None else np.asarray(class_mass, float)
    result = np.zeros(scores.shape)
    for i in range(num_samples):
        for j in range(num_classes):
            result[i, j] = scores[i, j] / mass[j] ** tau
            if target_prior is not None:
                result[i, j] *= (target_prior[j] * num_classes) ** tau
        result[i] /= result[i].sum()
    return result
