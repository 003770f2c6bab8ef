"""Post-hoc steps in float64 NumPy, on logits, from the papers' formulas alone."""

import numpy as np


def softmax(logits):
    """Rows of probabilities."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def logit_adjustment(logits, class_counts, tau=1.0, target_prior=None):
    """``softmax(z_j - tau log pi_j)``; absent classes are treated like the rarest."""
    counts = np.array(class_counts, dtype=np.float64)
    counts[counts == 0] = counts[counts > 0].min()
    shifted = np.asarray(logits, np.float64) - tau * np.log(counts / counts.sum())
    if target_prior is not None:
        shifted = shifted + tau * np.log(np.asarray(target_prior, np.float64))
    return softmax(shifted)


def temperature_scale(logits, temperature):
    """``softmax(z / T)``."""
    return softmax(np.asarray(logits, np.float64) / temperature)


def chain(scores, counts, tau, rebalancing, class_mass, temperature):
    """All steps by hand, on scores: powers and sums, no logarithms."""
    counts = np.asarray(counts, np.float64)
    adjusted = np.asarray(scores, np.float64) / counts**tau
    adjusted /= adjusted.sum(axis=1, keepdims=True)
    mass = adjusted.sum(axis=0) if class_mass is None else np.asarray(class_mass)
    final = (adjusted / mass**rebalancing) ** (1 / temperature)
    return final / final.sum(axis=1, keepdims=True)
