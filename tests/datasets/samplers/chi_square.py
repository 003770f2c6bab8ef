"""Chi-square tests of the samplers' distributions.

Each function draws once for each of many seeds, or epochs, so that its draws are
independent, and returns the p-value of a chi-square test.
"""

from collections import Counter
from itertools import permutations, product

import numpy as np
from scipy.stats import chisquare

GOOD, BAD = 1e-3, 1e-6  # seeds are fixed, so p-values are the same in every run


class Labelled:
    """A data set with labels only, in shuffled order."""

    def __init__(self, counts, names=None):
        labels = np.repeat(np.arange(len(counts)), counts)
        self.labels = np.random.default_rng(1).permutation(labels)
        self.metainfo = {} if names is None else {'classes': tuple(names)}

    def __len__(self):
        return len(self.labels)

    def get_gt_labels(self):
        return self.labels


def p_value(observed, probabilities):
    """p-value of observed outcomes, given the probability of each possible outcome."""
    counter = Counter(observed)
    if not counter.keys() <= probabilities.keys():
        return 0.0
    counts = [counter[key] for key in probabilities]
    expected = len(observed) * np.array(list(probabilities.values()))
    assert expected.min() >= 5, 'too few draws for a chi-square test'
    return chisquare(counts, expected).pvalue


def uniform(things):
    """Equal probability for each outcome."""
    things = list(things)
    return {thing: 1 / len(things) for thing in things}


def sample_p_value(sampler, class_probabilities, place=0, epoch=0, draws=1000):
    """Test the distribution over classes and samples of one draw of a rank.

    Args:
        sampler: sampler of the rank.
        class_probabilities: expected class probabilities; samples of a class are
            equally probable.
        place: position of the draw in the rank's epoch.
        epoch: epoch, the same for all seeds.
        draws: number of seeds.
    """
    labels = sampler.dataset.labels
    shares = np.asarray(class_probabilities) / np.bincount(labels)
    sampler.set_epoch(epoch)
    drawn = []
    for seed in range(draws):
        sampler.seed = seed
        drawn.append(list(sampler)[place])
    return p_value(drawn, dict(enumerate(shares[labels])))


def merged_epochs(samplers, epochs=720):
    """Draws of all ranks in each epoch, interleaved as in a single process."""
    merged = []
    for epoch in range(epochs):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        merged.append(np.array([list(sampler) for sampler in samplers]).T.ravel())
    return np.array(merged)


def class_order_p_value(turns):
    """Test that all class orders in the first cycle are equally probable.

    Args:
        turns: ``(epochs, 2 or more cycles)``, sequence of classes.
    """
    num_classes = turns.max() + 1
    orders = map(tuple, turns[:, :num_classes].tolist())
    return p_value(list(orders), uniform(permutations(range(num_classes))))


def next_cycle_p_value(turns):
    """Test that the first class of a cycle is independent of the previous class."""
    num_classes = turns.max() + 1
    pairs = map(tuple, turns[:, num_classes - 1 : num_classes + 1].tolist())
    return p_value(list(pairs), uniform(product(range(num_classes), repeat=2)))


def sample_order_p_value(epochs, members):
    """Test that all sample orders in a class's first round are equally probable."""
    orders = [
        tuple(indices[np.isin(indices, members)][: len(members)].tolist())
        for indices in epochs
    ]
    return p_value(orders, uniform(permutations(members.tolist())))
