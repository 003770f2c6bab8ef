"""The chosen strength of re-balancing against every strength in NumPy."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from mmgala.evaluation import TAU_GRID, choose_post_hoc
from tests.evaluation.predictions import biased_scores
from tests.reference.rebalance_numpy import rebalance


def search_rebalancing(scores, target, **options):
    """All strengths that were tried, and the chosen one."""
    choice = choose_post_hoc(scores, target, rebalancing='auto', **options)
    search = choice.searches['rebalancing']
    assert choice.steps.rebalancing == search.tau
    return search


def imbalanced(scores, target, counts):
    """The first ``counts[c]`` samples of each class."""
    keep = [np.flatnonzero(target == c)[:n] for c, n in enumerate(counts)]
    keep = np.sort(np.concatenate(keep))
    return scores[keep], target[keep]


def accuracy_curve(scores, target, prior):
    """Accuracy of every strength on a set resampled to have these class shares."""
    num_classes = scores.shape[1]
    mass = np.zeros(num_classes)
    for c in range(num_classes):
        mass += prior[c] * scores[target == c].astype(np.float64).mean(axis=0)
    curve = []
    for tau in TAU_GRID:
        new = rebalance(scores, tau, mass, prior)
        hits = new.argmax(axis=1) == target
        recall = np.array([hits[target == c].mean() for c in range(num_classes)])
        curve.append(100 * (prior * recall).sum())
    return np.array(curve)


PRIORS = {
    'balanced': None,
    'tail': np.array([0.05, 0.15, 0.2, 0.25, 0.35]),
    'one class absent': np.array([0.4, 0.3, 0.2, 0.1, 0.0]),
}


@pytest.mark.parametrize('prior', PRIORS.values(), ids=PRIORS)
@pytest.mark.parametrize(
    'counts', [[40] * 5, [40, 30, 20, 12, 7]], ids=['balanced', 'imbalanced']
)
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_curve_and_choice_equal_brute_force(seed, counts, prior):
    scores, target = imbalanced(*biased_scores(200, 5, seed), counts)

    search = search_rebalancing(scores, target, target_prior=prior)

    curve = accuracy_curve(scores, target, np.full(5, 0.2) if prior is None else prior)
    assert search.taus == TAU_GRID
    np.testing.assert_allclose(search.accuracies, curve, atol=1e-6)
    best = np.flatnonzero(curve > curve.max() - 1e-6)
    assert search.tau == TAU_GRID[best[0]]


def test_balanced_validation_set_gives_the_plain_class_mass_and_accuracy():
    scores, target = biased_scores(200, 5)

    search = search_rebalancing(scores, target)

    predicted = rebalance(scores, 1.3).argmax(axis=1)
    expected = 100 * balanced_accuracy_score(target, predicted)
    assert search.accuracies[13] == pytest.approx(expected)
    assert search.accuracies[13] > search.accuracies[0]  # the model favours some


def test_grid_is_0_to_3_by_tenths():
    assert tuple(round(0.1 * i, 1) for i in range(31)) == TAU_GRID


@pytest.mark.parametrize('taus', [(0.0, 3.0), (3.0, 0.0)])
@pytest.mark.parametrize('count', [3, 12, 14, 21, 35, 49])
def test_ties_choose_the_smallest_strength(count, taus):
    # tau 0 has all of class 0 right, tau 3 the one sample of class 1: 50 % each, but
    # summed from weights whose rounding depends on the count.
    scores = torch.tensor([[0.9, 0.1]] * count + [[0.6, 0.4]])

    search = search_rebalancing(scores, torch.tensor([0] * count + [1]), taus=taus)

    assert search.accuracies == pytest.approx((50, 50))
    assert search.tau == 0.0


def test_printed_curve_marks_the_choice_only():
    scores, target = biased_scores(200, 5)
    search = search_rebalancing(scores, target)

    lines = str(search).splitlines()

    assert len(lines) == 1 + len(TAU_GRID)
    marked = [line for line in lines if 'chosen' in line]
    assert len(marked) == 1
    assert float(marked[0].split()[0]) == search.tau
    assert float(marked[0].split()[1]) == pytest.approx(
        max(search.accuracies), abs=0.01
    )


def test_printed_curve_of_a_single_accuracy():
    search = search_rebalancing(torch.eye(2), torch.tensor([0, 1]), taus=(0.0, 0.5))

    assert str(search).splitlines()[1:] == [
        '0.00  100.00    <- chosen',
        '0.50  100.00  ',
    ]


@pytest.mark.parametrize(
    ('target', 'prior', 'message'),
    [
        ([0], None, '2 classes from 1 samples'),
        ([0, 1, 2], None, 'between 0 and 1'),
        ([0, 1, 1], [0.2, 0.3, 0.5], 'to hold 2 values'),
        ([0, 1, 1], [0.6, 0.6], 'to sum to 1'),
        ([0, 0, 0], [0.0, 1.0], '`target_prior` is 0 for every class'),
    ],
)
def test_inconsistent_arguments_are_refused(target, prior, message):
    scores = torch.full((len(target), 2), 0.5)

    with pytest.raises(ValueError, match=message):
        search_rebalancing(scores, torch.tensor(target), target_prior=prior)
