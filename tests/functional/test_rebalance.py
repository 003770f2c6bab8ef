"""`rebalance` against its formula."""

import math

import pytest
import torch
from torch.testing import assert_close

from mmgala.functional import log_prior_adjustment, rebalance
from tests.batches import random_logits
from tests.reference import rebalance_numpy

PRIOR = [0.4, 0.3, 0.15, 0.1, 0.05]
MASS = [50.0, 20.0, 10.0, 4.0, 0.5]


@pytest.mark.parametrize('tau', [1.0, 30.0, 1000.0])
def test_a_class_with_score_0_stays_0_at_any_strength(tau):
    scores = torch.tensor([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [0.3, 0.7, 0.0]])
    balanced = rebalance(scores, tau)
    assert balanced[:, 2].tolist() == [0, 0, 0]
    assert_close(balanced.sum(dim=1), torch.ones(3))


def test_a_row_without_any_class_of_the_prior_follows_the_adjustment():
    scores, prior = torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([0.75, 0.25, 0.0])
    balanced = rebalance(scores, 1.0, torch.ones(3), prior)
    assert_close(balanced, torch.tensor([[0.75, 0.25, 0.0]]))


@pytest.fixture(scope='module')
def scores():
    """Float64 scores that favour class 0, ``(40, 5)``."""
    return (random_logits(40, 5) + torch.tensor([2.0, 1, 0, 0, -1])).softmax(dim=1)


@pytest.mark.parametrize('prior', [None, PRIOR], ids=['balanced', 'prior'])
@pytest.mark.parametrize('mass', [None, MASS], ids=['transductive', 'inductive'])
@pytest.mark.parametrize('tau', [0.0, 0.5, 1.0, 1.7])
def test_scores_equal_the_formula(scores, tau, mass, prior):
    mass_tensor, prior_tensor = (
        None if v is None else torch.tensor(v, dtype=torch.float64)
        for v in (mass, prior)
    )
    actual = rebalance(scores, tau, mass_tensor, prior_tensor)
    expected = rebalance_numpy.rebalance(scores.numpy(), tau, mass, prior)
    assert_close(actual, torch.from_numpy(expected), rtol=1e-12, atol=1e-12)


def test_default_is_tau_1_transductive_and_balanced(scores):
    expected = rebalance_numpy.rebalance(scores.numpy())
    assert_close(rebalance(scores), torch.from_numpy(expected))


def test_rows_sum_to_1(scores):
    total = rebalance(scores, 1.7).sum(dim=1)
    assert_close(total, torch.ones(40, dtype=torch.float64))


def test_tau_0_changes_nothing(scores):
    mass = torch.tensor(MASS)
    assert_close(rebalance(scores, 0.0, mass), scores)


def test_uniform_class_mass_changes_nothing(scores):
    assert_close(rebalance(scores, 1.7, torch.full((5,), 8.0)), scores)


def test_balanced_prior_changes_nothing(scores):
    balanced = torch.full((5,), 0.2, dtype=torch.float64)
    assert_close(rebalance(scores, 1.7, None, balanced), rebalance(scores, 1.7))


def test_scale_of_the_class_mass_does_not_matter(scores):
    mass = torch.tensor(MASS)
    assert_close(rebalance(scores, 1.7, mass * 1000), rebalance(scores, 1.7, mass))


def test_normalising_the_rows_does_not_change_the_predictions(scores):
    unnormalised = scores / scores.sum(dim=0) ** 1.7
    predicted = rebalance(scores, 1.7).argmax(dim=1)
    assert torch.equal(predicted, unnormalised.argmax(dim=1))
    assert not torch.equal(predicted, scores.argmax(dim=1))  # it did re-balance


def test_fitted_mass_gives_single_samples_what_the_whole_set_gives_them(scores):
    mass = scores.sum(dim=0)
    single = torch.cat([rebalance(row[None], 1.7, mass) for row in scores])
    assert_close(single, rebalance(scores, 1.7))


@pytest.mark.parametrize('tau', [0.5, 1.0, 2.0])
def test_a_class_of_probability_0_keeps_it(tau):
    scores = torch.tensor([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.5, 0.5, 0.0]])
    actual = rebalance(scores, tau)
    expected = rebalance(scores[:, :2], tau, scores[:, :2].sum(dim=0))
    assert_close(actual[:, :2], expected)
    assert actual[:, 2].tolist() == [0.0] * 3


def test_a_class_with_prior_0_is_never_predicted(scores):
    prior = torch.tensor([0.0, 0.25, 0.25, 0.25, 0.25])
    actual = rebalance(scores, 1.0, None, prior)
    assert actual[:, 0].tolist() == [0.0] * 40
    assert_close(actual.sum(dim=1), torch.ones(40, dtype=torch.float64))


def test_a_row_whose_only_class_has_prior_0_stays_a_distribution():
    scores, mass = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([3.0, 2.0, 2.0])
    actual = rebalance(scores, 1.0, mass, torch.tensor([0.0, 0.5, 0.5]))
    assert_close(actual, torch.tensor([[0.0, 0.5, 0.5]]))


def test_scores_of_one_sample_in_many_classes_do_not_underflow():
    scores = torch.tensor([[1.0 - 1e-30, 1e-30]])
    actual = rebalance(scores, 1.0, torch.tensor([1.0, 1e-30]))
    assert_close(actual, torch.tensor([[0.5, 0.5]]))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_scores_keep_their_type_and_are_computed_in_float32(scores, dtype):
    rounded, mass = scores.to(dtype), torch.tensor(MASS)
    actual = rebalance(rounded, 1.7, mass)
    expected = rebalance_numpy.rebalance(rounded.double().numpy(), 1.7, MASS)
    assert actual.dtype == dtype
    assert_close(actual, torch.from_numpy(expected).to(dtype))


def test_inputs_are_not_modified(scores):
    copy, mass, prior = scores.clone(), torch.tensor(MASS), torch.tensor(PRIOR)
    rebalance(scores, 1.7, mass, prior)
    assert torch.equal(scores, copy)
    assert torch.equal(mass, torch.tensor(MASS))
    assert torch.equal(prior, torch.tensor(PRIOR))


@pytest.mark.parametrize('prior', [None, PRIOR], ids=['balanced', 'prior'])
def test_adjusted_logits_have_the_rebalanced_scores(prior):
    logits, mass = random_logits(9, 5), torch.tensor(MASS)
    prior = None if prior is None else torch.tensor(prior)
    adjusted = logits + log_prior_adjustment(mass, 1.7, prior)
    expected = rebalance(logits.softmax(dim=1), 1.7, mass, prior)
    assert_close(adjusted.softmax(dim=1), expected)


def test_adjustment_is_0_for_a_class_of_average_mass_and_share():
    mass, prior = (
        torch.tensor([6.0, 3.0, 0.75, 2.25]),
        torch.tensor([0.5, 0.25, 0, 0.25]),
    )
    shares, priors = [2.0, 1.0, 0.25, 0.75], [2.0, 1.0, 0.0, 1.0]
    for tau in (1.0, 1.7):
        balanced = [-tau * math.log(s) for s in shares]
        assert log_prior_adjustment(mass, tau).tolist() == pytest.approx(balanced)
        shifted = [
            b + tau * math.log(p) if p else -math.inf
            for b, p in zip(balanced, priors, strict=True)
        ]
        actual = log_prior_adjustment(mass, tau, prior).tolist()
        assert actual == pytest.approx(shifted, abs=1e-12)
