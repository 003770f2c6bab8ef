"""GALA in float64 NumPy, one loop per index, from the formulas of the design alone.

Slow on purpose: every line is one line of the formula. It shares no code with the
package: no import, no identity that the package uses to be fast.
"""

import math

import numpy as np


def margins_hard(theta, phi, labels, lambda_pos=1.0, lambda_neg=1.0, eps=1e-3):
    """Paper: what is added to the logit of each class, 0 at the label."""
    margins = np.zeros((len(labels), len(theta)))
    for i, k in enumerate(labels):
        for j in range(len(theta)):
            if j != k:
                margins[i, j] = lambda_pos * math.log(theta[j] + eps)
                margins[i, j] -= lambda_neg * math.log(phi[k] + eps)
    return margins


def margins_soft(theta, phi, targets, lambda_pos=1.0, lambda_neg=1.0, eps=1e-3):
    """Paper, for targets that are shared between classes."""
    num_samples, num_classes = targets.shape
    margins = np.zeros((num_samples, num_classes))
    for i in range(num_samples):
        mixed = [k for k in range(num_classes) if targets[i, k] != 0]
        for j in range(num_classes):
            margins[i, j] = lambda_pos * (1 - targets[i, j]) * math.log(theta[j] + eps)
            for k in mixed:
                if k != j:
                    log_phi = math.log(phi[k] + eps)
                    margins[i, j] -= lambda_neg * targets[i, k] * log_phi
    return margins


def margins_official(theta, phi, targets, lambda_1=1.0, lambda_2=1.0, eps=1e-3):
    """Authors' code: theta on every logit; phi on the whole row, where it cancels."""
    margins = np.zeros((len(targets), len(theta)))
    for i, target in enumerate(targets):
        row = 0.0
        for k in range(len(phi)):
            row += target[k] * math.log(phi[k] + eps)
        for j in range(len(theta)):
            margins[i, j] = lambda_1 * math.log(theta[j] + eps) - lambda_2 * row
    return margins


def softmax(logits):
    """Probabilities of each row."""
    result = np.zeros(logits.shape)
    for i, row in enumerate(logits):
        highest = max(row)
        exponentials = [math.exp(z - highest) for z in row]
        total = sum(exponentials)
        for j, value in enumerate(exponentials):
            result[i, j] = value / total
    return result


def cross_entropy(logits, targets):
    """Loss of each sample, and its gradient on the logits."""
    losses = np.zeros(len(logits))
    gradients = np.zeros(logits.shape)
    probabilities = softmax(logits)
    for i, row in enumerate(logits):
        highest = max(row)
        log_sum = highest + math.log(sum(math.exp(z - highest) for z in row))
        for j, z in enumerate(row):
            losses[i] += targets[i, j] * (log_sum - z)
            gradients[i, j] = probabilities[i, j] - targets[i, j]
    return losses, gradients


def gradient_sums_hard(probabilities, labels, weights=None):
    """Contribution of a batch with class indices to theta and phi."""
    num_samples, num_classes = probabilities.shape
    theta, phi = np.zeros(num_classes), np.zeros(num_classes)
    for i in range(num_samples):
        k = labels[i]
        weight = 1.0 if weights is None else weights[i]
        theta[k] += weight * (1 - probabilities[i, k])
        for j in range(num_classes):
            if j != k:
                phi[k] += weight * probabilities[i, j]
    return theta, phi


def gradient_sums_soft(probabilities, targets, weights=None):
    """Contribution of a batch with soft labels to theta and phi."""
    num_samples, num_classes = probabilities.shape
    theta, phi = np.zeros(num_classes), np.zeros(num_classes)
    for i in range(num_samples):
        weight = 1.0 if weights is None else weights[i]
        negative = 0.0
        for j in range(num_classes):
            theta[j] += weight * max(targets[i, j] - probabilities[i, j], 0)
            negative += max(probabilities[i, j] - targets[i, j], 0)
        for k in range(num_classes):
            phi[k] += weight * targets[i, k] * negative
    return theta, phi


def one_hot(labels, num_classes):
    """Class indices as rows of zeros and a one."""
    targets = np.zeros((len(labels), num_classes))
    for i, k in enumerate(labels):
        targets[i, k] = 1
    return targets


class Gala:
    """Loss with its statistics over the steps of a training."""

    def __init__(self, num_classes, lambda_pos=1.0, lambda_neg=1.0, variant='paper'):
        self.theta = np.zeros(num_classes)
        self.phi = np.zeros(num_classes)
        self.theta_sum = np.zeros(num_classes)  # the official variant's A
        self.phi_sum = np.zeros(num_classes)
        self.lambdas = lambda_pos, lambda_neg
        self.variant = variant

    def step(self, logits, target, weights=None):
        """Loss ``(N,)`` and logit gradient ``(N, C)``; then the statistics grow."""
        losses, gradients, theta, phi = self.evaluate(logits, target, weights)
        self.accumulate(theta, phi, len(losses))
        return losses, gradients

    def evaluate(self, logits, target, weights=None):
        """Loss, logit gradient, and what the batch would add to theta and phi."""
        logits = np.asarray(logits, dtype=np.float64)
        target = np.asarray(target)
        hard = target.ndim == 1
        targets = one_hot(target, len(self.theta)) if hard else target.astype(float)
        adjusted = logits + self._margins(target, targets)
        losses, gradients = cross_entropy(adjusted, targets)
        sums = gradient_sums_hard if hard else gradient_sums_soft
        return losses, gradients, *sums(softmax(adjusted), target, weights)

    def accumulate(self, theta, phi, batch_size):
        """Add the sums of a batch."""
        if self.variant == 'paper':
            self.theta += theta
            self.phi += phi
        else:
            self.theta_sum += theta / batch_size
            self.phi_sum += phi / batch_size
            self.theta += self.theta_sum
            self.phi += self.phi_sum

    def _margins(self, target, targets):
        if self.variant == 'official':
            return margins_official(self.theta, self.phi, targets, *self.lambdas)
        if target.ndim == 1:
            return margins_hard(self.theta, self.phi, target, *self.lambdas)
        return margins_soft(self.theta, self.phi, targets, *self.lambdas)
