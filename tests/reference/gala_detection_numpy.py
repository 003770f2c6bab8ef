"""GALA of detectors in float64 NumPy, one loop per index, from the formulas alone.

It shares no code with the package. Label C is background.
"""

import math

import numpy as np

from tests.reference.gala_numpy import softmax


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


class Detector:
    """Statistics over a training; ``step`` takes one batch of all ranks."""

    def __init__(
        self,
        num_classes,
        lambda_pos=1.0,
        lambda_neg=1.0,
        eps=1e-3,
        count_share=0.0,
        label_margin=0.0,
        lead_memory=None,
    ):
        self.theta = np.zeros(num_classes)
        self.phi = np.zeros(num_classes)
        self.seen = np.zeros(num_classes)
        self.recent = np.zeros(num_classes)
        self.lambdas = lambda_pos, lambda_neg
        self.eps = eps
        self.count_share = count_share
        self.label_margin = label_margin
        self.lead_memory = lead_memory

    def lead(self):
        """By which margins grow, from the recent probabilities of the labels."""
        if self.lead_memory is None:
            return 1.0
        recent = [p for p, n in zip(self.recent, self.seen, strict=True) if n > 0]
        return max(0.0, 2 * sum(recent) / len(recent) - 1) if recent else 0.0

    def error(self, k):
        """Mean error of a class so far."""
        return (self.theta[k] + self.eps) / (self.seen[k] + self.eps)

    def level(self, statistic, j):
        """Logarithm of a statistic, a share of it replaced by that of the count."""
        return (1 - self.count_share) * math.log(statistic[j] + self.eps) + (
            self.count_share * math.log(self.seen[j] + self.eps)
        )

    def margin(self, j, k):
        """On the logit of class j, of a sample of class k."""
        lead = self.lead()
        if j == k:
            errors = [self.error(i) for i, n in enumerate(self.seen) if n > 0]
            relative = self.error(k) / max(errors) if errors else 1.0
            return -lead * self.label_margin * math.sqrt(min(1.0, relative))
        lambda_pos, lambda_neg = (1 + lead * (x - 1) for x in self.lambdas)
        return lambda_pos * self.level(self.theta, j) - (
            lambda_neg * self.level(self.phi, k)
        )

    def step(self, logits, labels, weights=None):
        """Loss and gradient of each sample; then the statistics and counts grow."""
        weights = np.ones(len(labels)) if weights is None else np.asarray(weights)
        losses, gradients, theta, phi = self.evaluate(
            np.asarray(logits), labels, weights
        )
        self.theta += theta
        self.phi += phi
        for k in range(len(self.seen)):
            added = sum(weights[labels == k])
            self.seen[k] += added
            if self.lead_memory is not None and added:
                kept = math.exp(-added / self.lead_memory)
                probability = 1 - theta[k] / added
                self.recent[k] = kept * self.recent[k] + (1 - kept) * probability
        return losses, gradients


class Exclude(Detector):
    """One softmax over C + 1; background has no margin."""

    def evaluate(self, logits, labels, weights):
        num_classes = len(self.theta)
        adjusted = logits.astype(float).copy()
        for i, k in enumerate(labels):
            if k < num_classes:
                for j in range(num_classes):
                    adjusted[i, j] += self.margin(j, k)
        probs = softmax(adjusted)
        losses, gradients = np.zeros(len(labels)), probs.copy()
        theta, phi = np.zeros(num_classes), np.zeros(num_classes)
        for i, k in enumerate(labels):
            losses[i] = -math.log(probs[i, k])
            gradients[i, k] -= 1
            if k == num_classes:
                continue
            for j in range(num_classes):
                if j != k:
                    theta[k] += weights[i] * probs[i, j]
                    phi[k] += weights[i] * probs[i, j]
        return losses, gradients, theta, phi


class Objectness(Detector):
    """Softmax over C for foreground, and a pair of foreground and background."""

    def evaluate(self, logits, labels, weights):
        num_classes = len(self.theta)
        classes, pair = logits[:, :num_classes], softmax(logits[:, num_classes:])
        losses, gradients = np.zeros((len(labels), 2)), np.zeros(logits.shape)
        theta, phi = np.zeros(num_classes), np.zeros(num_classes)
        for i, k in enumerate(labels):
            own = int(k == num_classes)
            losses[i, 0] = -math.log(pair[i, own])
            gradients[i, num_classes:] = pair[i]
            gradients[i, num_classes + own] -= 1
            if k == num_classes:
                continue
            row = [classes[i, j] + self.margin(j, k) for j in range(num_classes)]
            probs = softmax(np.array([row]))[0]
            losses[i, 1] = -math.log(probs[k])
            gradients[i, :num_classes] = probs
            gradients[i, k] -= 1
            theta[k] += weights[i] * (1 - probs[k])
            for j in range(num_classes):
                if j != k:
                    phi[k] += weights[i] * probs[j]
        return losses, gradients, theta, phi


class DenseObjectness(Detector):
    """Softmax over C for foreground, times a sigmoid trained by focal loss."""

    def __init__(self, num_classes, *lambdas, gamma=2.0, alpha=0.25, **options):
        super().__init__(num_classes, *lambdas, **options)
        self.gamma, self.alpha = gamma, alpha

    def evaluate(self, logits, labels, weights):
        num_classes = len(self.theta)
        losses, gradients = np.zeros((len(labels), 2)), np.zeros(logits.shape)
        theta, phi = np.zeros(num_classes), np.zeros(num_classes)
        for i, k in enumerate(labels):
            foreground = k < num_classes
            losses[i, 0], gradients[i, -1] = self.focal(logits[i, -1], foreground)
            if not foreground:
                continue
            row = [logits[i, j] + self.margin(j, k) for j in range(num_classes)]
            probs = softmax(np.array([row]))[0]
            losses[i, 1] = -math.log(probs[k])
            gradients[i, :num_classes] = probs
            gradients[i, k] -= 1
            theta[k] += weights[i] * (1 - probs[k])
            phi[k] += weights[i] * sum(np.delete(probs, k))
        return losses, gradients, theta, phi

    def focal(self, z, foreground):
        """Focal loss (Lin et al., equation 5) and its derivative."""
        sign, alpha = (1, self.alpha) if foreground else (-1, 1 - self.alpha)
        p = sigmoid(sign * z)
        loss = -alpha * (1 - p) ** self.gamma * math.log(p)
        slope = (1 - p) ** self.gamma * (self.gamma * p * math.log(p) + p - 1)
        return loss, alpha * sign * slope
