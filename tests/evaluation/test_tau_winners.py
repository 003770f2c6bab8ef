"""Leaving out classes that cannot win changes no winner."""

import numpy as np
import pytest
import torch

from mmgala.evaluation import TAU_GRID, choose_post_hoc
from mmgala.evaluation.tau_winners import FEW_CLASSES, WinnerSearch
from mmgala.functional import log_prior_adjustment, rebalance

CLASSES = FEW_CLASSES + 500
TAUS = [*TAU_GRID, 30.0]


def log_scores(seed, spread=1.5, samples=60):
    generator = torch.Generator().manual_seed(seed)
    bias = torch.linspace(3, -3, CLASSES)[torch.randperm(CLASSES, generator=generator)]
    logits = spread * torch.randn(samples, CLASSES, generator=generator) + bias
    return logits.log_softmax(dim=1)


def vectors(scores, prior=None):
    mass = scores.exp().sum(dim=0, dtype=torch.float64)
    return [log_prior_adjustment(mass, tau, prior) for tau in TAUS]


def brute_force(scores, added):
    return np.stack([(scores + v.float()).numpy().argmax(axis=1) for v in added])


@pytest.mark.parametrize('spread', [0.01, 1.5, 8.0])
@pytest.mark.parametrize('seed', [0, 1])
def test_winners_equal_those_of_all_classes(seed, spread):
    scores = log_scores(seed, spread)
    added = vectors(scores)

    found = WinnerSearch(added)(scores.numpy())

    np.testing.assert_array_equal(found.predicted, brute_force(scores, added))


def test_most_classes_are_left_out():
    scores = log_scores(0)
    search = WinnerSearch(vectors(scores)[:31])

    rows, _, _ = search._candidates(scores.numpy())

    assert len(rows) < 0.3 * scores.numel()


def test_ties_go_to_the_lowest_class():
    scores = (log_scores(2) * 4).round() / 4
    added = [(v * 4).round() / 4 for v in vectors(scores)]
    expected = brute_force(scores, added)
    sums = np.stack([(scores + v.float()).numpy() for v in added])
    assert ((sums == sums.max(axis=2, keepdims=True)).sum(axis=2) > 1).mean() > 0.1

    found = WinnerSearch(added)(scores.numpy())

    np.testing.assert_array_equal(found.predicted, expected)


def test_scores_of_zero_and_priors_of_zero():
    scores = log_scores(3)
    scores[scores < scores.amax(dim=1, keepdim=True) - 6] = -torch.inf
    prior = torch.where(torch.arange(CLASSES) % 3 == 0, 0.0, 1.0).double()
    added = vectors(scores, prior / prior.sum())
    alone = scores[0]  # only a class whose prior is 0
    alone[:] = -torch.inf
    alone[3] = 0

    found = WinnerSearch(added)(scores.numpy())

    assert found.close[0]
    rest = ~found.close
    assert rest.sum() > 30
    expected = brute_force(scores, added)
    np.testing.assert_array_equal(found.predicted[:, rest], expected[:, rest])


def test_almost_ties_are_named():
    """Two classes whose float32 scores are equal after the softmax."""
    scores = log_scores(4)
    added = vectors(scores)
    scores[5] = -30.0
    scores[5, 9] = -0.7
    scores[5, 100] = np.nextafter(np.float32(-0.7), np.float32(0)).item()
    added = [torch.zeros(CLASSES) for _ in added]

    found = WinnerSearch(added)(scores.numpy())

    assert found.close[5]
    assert found.predicted[0, 5] == 100


@pytest.mark.parametrize('prior', [False, True])
def test_the_chosen_tau_and_all_accuracies_equal_the_slow_way(monkeypatch, prior):
    logits = log_scores(5, samples=CLASSES)
    target = torch.arange(CLASSES)
    logits[target, target] += 6
    scores = logits.softmax(dim=1)
    shares = torch.arange(CLASSES).double() if prior else torch.ones(CLASSES)
    asked = dict(rebalancing='auto', target_prior=(shares / shares.sum()).tolist())
    fast = choose_post_hoc(scores, target, **asked).searches['rebalancing']

    monkeypatch.setattr('mmgala.evaluation.tau_winners.FEW_CLASSES', CLASSES)
    slow = choose_post_hoc(scores, target, **asked).searches['rebalancing']

    assert fast == slow
    assert len(set(fast.accuracies)) > 5
    tau = fast.taus[7]
    mass = choose_post_hoc(scores, target, **asked).steps.class_mass
    predicted = rebalance(scores, tau, mass, shares / shares.sum()).argmax(dim=1)
    weight = shares / shares.sum()
    expected = 100 * float(weight[predicted == target].sum())
    assert fast.accuracies[7] == pytest.approx(expected)
