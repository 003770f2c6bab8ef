"""Bad input to `rebalance` is refused with a message that helps."""

import math
import re

import pytest
import torch

from mmgala.functional import rebalance

SCORES = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.2, 0.2], [0.5, 0.3, 0.2]])


@pytest.mark.parametrize('tau', [-0.1, math.nan, math.inf, -math.inf, 1e5, 1e300])
def test_tau_must_be_finite_and_not_negative(tau):
    with pytest.raises(
        ValueError, match=rf'`tau` to be a finite.*but got {re.escape(str(tau))}'
    ):
        rebalance(SCORES, tau)


def test_fewer_samples_than_classes_cannot_give_a_class_mass():
    message = '(?s)mass of 3 classes from 2 samples.*`class_mass`'
    with pytest.raises(ValueError, match=message):
        rebalance(SCORES[:2])


def test_as_many_samples_as_classes_are_enough():
    assert rebalance(SCORES).shape == (3, 3)


@pytest.mark.parametrize('length', [1, 2, 4])
def test_class_mass_must_have_one_value_per_class(length):
    message = rf'`class_mass` to hold 3 values.*shape \({length},\)'
    with pytest.raises(ValueError, match=message):
        rebalance(SCORES, 1.0, torch.ones(length))


@pytest.mark.parametrize('length', [1, 2, 4])
def test_target_prior_must_have_one_value_per_class(length):
    message = rf'`target_prior` to hold 3 values.*shape \({length},\)'
    with pytest.raises(ValueError, match=message):
        rebalance(SCORES, 1.0, None, torch.full((length,), 1 / length))


@pytest.mark.parametrize('bad', [-1.0, math.nan, math.inf])
@pytest.mark.parametrize('name', ['class_mass', 'target_prior'])
def test_mass_and_prior_must_be_finite_and_not_negative(name, bad):
    values = torch.tensor([bad, 1.0, 1.0])
    with pytest.raises(ValueError, match=f'`{name}` to be finite and 0 or more'):
        rebalance(SCORES, 1.0, **{name: values})


@pytest.mark.parametrize('name', ['class_mass', 'target_prior'])
def test_mass_and_prior_must_not_be_all_0(name):
    with pytest.raises(ValueError, match=f'`{name}` to have a positive sum'):
        rebalance(SCORES, 1.0, **{name: torch.zeros(3)})


def test_target_prior_must_sum_to_1():
    message = '`target_prior` to sum to 1, but got 60.*Divide'
    with pytest.raises(ValueError, match=message):
        rebalance(SCORES, 1.0, None, torch.tensor([30.0, 20.0, 10.0]))


@pytest.mark.parametrize(
    'scores',
    [
        torch.tensor([[3.0, -1.0, -1.0]] * 3),
        torch.ones(3, 3),
        torch.zeros(3, 3),
    ],
    ids=['logits', 'sums of 3', 'zeros'],
)
def test_scores_must_be_probabilities(scores):
    with pytest.raises(ValueError, match='softmax prob.*Apply softmax to logits first'):
        rebalance(scores)


@pytest.mark.parametrize(
    'scores', [SCORES[0], SCORES[None], torch.eye(3).long()], ids=['1d', '3d', 'int']
)
def test_scores_must_be_a_floating_matrix(scores):
    with pytest.raises(ValueError, match=r'`scores` to be a floating.*shape \(N, C\)'):
        rebalance(scores)


def test_scores_that_are_not_finite_are_counted():
    scores = SCORES.clone()
    scores[1, 2] = math.nan
    with pytest.raises(ValueError, match='1 of 3 samples are not finite'):
        rebalance(scores)
