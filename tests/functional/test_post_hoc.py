"""Post-hoc steps against their formulas on logits."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from mmgala.functional import (
    PostHocSteps,
    log_count_adjustment,
    logit_adjustment,
    temperature_scale,
)
from mmgala.functional.post_hoc import STEPS
from tests.batches import random_logits
from tests.reference import post_hoc_numpy as reference

COUNTS = [500.0, 120.0, 40.0, 9.0, 2.0]
PRIOR = [0.4, 0.3, 0.15, 0.1, 0.05]
MASS = [50.0, 20.0, 10.0, 4.0, 0.5]


def double(values):
    return None if values is None else torch.tensor(values, dtype=torch.float64)


@pytest.fixture(scope='module')
def logits():
    """Float64 logits that favour class 0, ``(40, 5)``."""
    return random_logits(40, 5) + torch.tensor([2.0, 1, 0, 0, -1])


@pytest.fixture(scope='module')
def scores(logits):
    return logits.softmax(dim=1)


class TestLogitAdjustment:
    @pytest.mark.parametrize('prior', [None, PRIOR], ids=['balanced', 'prior'])
    @pytest.mark.parametrize('counts', [COUNTS, [7, 0, 300, 4, 0]], ids=str)
    @pytest.mark.parametrize('tau', [0.0, 0.5, 1.0, 1.7])
    def test_scores_are_those_of_adjusted_logits(
        self, logits, scores, tau, counts, prior
    ):
        actual = logit_adjustment(scores, torch.tensor(counts), tau, double(prior))
        expected = reference.logit_adjustment(logits.numpy(), counts, tau, prior)
        assert_allclose(actual.numpy(), expected, rtol=1e-11, atol=1e-14)

    def test_the_added_vector_is_that_of_the_formula(self, logits):
        actual = (logits + log_count_adjustment(double(COUNTS), 1.3)).softmax(dim=1)
        expected = reference.logit_adjustment(logits.numpy(), COUNTS, 1.3)
        assert_allclose(actual.numpy(), expected, rtol=1e-11)

    def test_default_is_tau_1(self, logits, scores):
        expected = reference.logit_adjustment(logits.numpy(), COUNTS, 1.0)
        assert_allclose(logit_adjustment(scores, double(COUNTS)).numpy(), expected)

    def test_balanced_counts_change_nothing(self, scores):
        assert_close(logit_adjustment(scores, torch.full((5,), 9), 1.7), scores)

    def test_a_class_without_samples_is_counted_like_the_rarest(self, scores):
        absent, rarest = (torch.tensor([90, 30, n, 3, 8]) for n in (0, 3))
        assert torch.equal(
            logit_adjustment(scores, absent), logit_adjustment(scores, rarest)
        )

    def test_a_class_that_is_not_in_the_test_set_is_never_predicted(self, scores):
        prior = torch.tensor([0.0, 0.25, 0.25, 0.25, 0.25])
        actual = logit_adjustment(scores, double(COUNTS), 1.0, prior)
        assert actual[:, 0].tolist() == [0.0] * 40
        assert_close(actual.sum(dim=1), torch.ones(40, dtype=torch.float64))

    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
    def test_scores_keep_their_type_and_are_computed_in_float32(self, scores, dtype):
        rounded = scores.to(dtype)
        actual = logit_adjustment(rounded, double(COUNTS), 1.7)
        log = np.log(rounded.double().numpy())
        expected = reference.logit_adjustment(log, COUNTS, 1.7)
        assert actual.dtype == dtype
        assert_close(actual, torch.from_numpy(expected).to(dtype))

    @pytest.mark.parametrize(
        ('counts', 'tau', 'message'),
        [
            ([1.0, 2.0], 1.0, '`class_counts` to hold 5 values'),
            ([1.0, 2, 3, 4, -1], 1.0, '`class_counts` to be finite and 0 or more'),
            ([0.0] * 5, 1.0, '`class_counts` to have a positive sum'),
            (COUNTS, -1.0, '`tau` to be a finite number from 0 to 1000'),
        ],
    )
    def test_inconsistent_arguments_are_refused(self, scores, counts, tau, message):
        with pytest.raises(ValueError, match=message):
            logit_adjustment(scores, double(counts), tau)


class TestTemperature:
    @pytest.mark.parametrize('temperature', [0.1, 0.7, 1.0, 2.5, 40.0])
    def test_scores_are_those_of_divided_logits(self, logits, scores, temperature):
        actual = temperature_scale(scores, temperature)
        expected = reference.temperature_scale(logits.numpy(), temperature)
        assert_allclose(actual.numpy(), expected, rtol=1e-11)

    @pytest.mark.parametrize('temperature', [0.3, 3.0])
    def test_no_ranking_changes(self, scores, temperature):
        actual = temperature_scale(scores, temperature)
        assert torch.equal(actual.argsort(dim=1), scores.argsort(dim=1))

    def test_a_score_of_0_stays_0(self):
        scores = torch.tensor([[0.8, 0.2, 0.0]])
        actual = temperature_scale(scores, 1000.0)
        assert actual[0, 2] == 0
        assert_close(actual[0, :2], torch.tensor([0.5, 0.5]), atol=1e-3, rtol=0)

    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
    def test_half_scores_keep_their_type(self, scores, dtype):
        rounded = scores.to(dtype)
        expected = temperature_scale(rounded.double(), 2.0).to(dtype)
        assert_close(temperature_scale(rounded, 2.0), expected)

    @pytest.mark.parametrize('temperature', [0.0, -1.0, math.nan, math.inf])
    def test_no_temperature(self, scores, temperature):
        message = f'`temperature` to be a finite number .*but got {temperature}'
        with pytest.raises(ValueError, match=message):
            temperature_scale(scores, temperature)


@pytest.mark.parametrize(
    'step',
    [lambda s: logit_adjustment(s, double(COUNTS)), lambda s: temperature_scale(s, 2)],
    ids=['logit adjustment', 'temperature'],
)
def test_logits_instead_of_scores_are_refused(logits, step):
    with pytest.raises(ValueError, match='Apply softmax to logits first'):
        step(logits)


class TestSteps:
    @pytest.mark.parametrize('mass', [None, MASS], ids=['transductive', 'inductive'])
    def test_all_steps_are_those_by_hand(self, scores, mass):
        steps = PostHocSteps(0.8, 1.2, 1.5, double(COUNTS), double(mass))
        expected = reference.chain(scores.numpy(), COUNTS, 0.8, 1.2, mass, 1.5)
        assert_allclose(steps.transform(scores).numpy(), expected, rtol=1e-11)

    def test_another_order_would_give_something_else(self, scores):
        counts = double(COUNTS)
        given = PostHocSteps(0.8, 1.2, class_counts=counts).transform(scores)
        swapped = PostHocSteps(rebalancing=1.2).transform(scores)
        assert (logit_adjustment(swapped, counts, 0.8) - given).abs().max() > 1e-2

    def test_fitted_steps_give_single_samples_what_the_set_gives_them(self, scores):
        steps = PostHocSteps(0.8, 1.2, class_counts=double(COUNTS))
        fitted = steps.with_class_mass_of(scores)
        single = torch.cat([fitted.transform(row[None]) for row in scores])
        assert_close(single, steps.transform(scores))
        with pytest.raises(ValueError, match='mass of 5 classes from 1 samples'):
            fitted.without_class_mass().transform(scores[:1])

    def test_no_steps_leave_the_scores(self, scores):
        assert PostHocSteps().transform(scores) is scores

    @pytest.mark.parametrize(
        ('steps', 'text'),
        [
            ({}, 'left unchanged'),
            (dict(logit_adjustment=1.0), 'logit-adjusted with tau=1'),
            (
                dict(logit_adjustment=0.5, rebalancing=1.7, temperature=1.25),
                'logit-adjusted with tau=0.5, then re-balanced with tau=1.7 over the '
                'whole test set, then scaled by temperature 1.25',
            ),
            (dict(rebalancing=2.0, class_mass=double(MASS)), 're-balanced with tau=2'),
        ],
    )
    def test_printed(self, steps, text):
        assert str(PostHocSteps(**steps)) == text

    @pytest.mark.parametrize(
        ('steps', 'message'),
        [
            (dict(logit_adjustment=-1.0), '`tau` to be a finite number'),
            (dict(rebalancing=math.nan), '`tau` to be a finite number'),
            (dict(temperature=0.0), '`temperature` to be a finite number above 0'),
            (dict(class_mass=double([1.0, -1.0])), '`class_mass` to be finite'),
            (dict(target_prior=double([0.5, 0.6])), '`target_prior` to sum to 1'),
            (dict(target_prior='test'), "`target_prior` to be 'train' .* got 'test'"),
            (
                dict(class_mass=double(MASS), target_prior=double([0.5, 0.5])),
                '`target_prior` to hold 5 values',
            ),
        ],
    )
    def test_wrong_values_are_refused_at_once(self, steps, message):
        with pytest.raises(ValueError, match=message):
            PostHocSteps(**steps)

    @pytest.mark.parametrize(
        ('steps', 'message'),
        [
            (dict(logit_adjustment=1.0), 'Logit adjustment needs the class counts'),
            (dict(target_prior='train'), "target_prior='train' needs the class counts"),
            (dict(class_counts=double(COUNTS[:4])), '`class_counts` to hold 5 values'),
            (dict(class_mass=double(MASS[:4])), '`class_mass` to hold 5 values'),
            (dict(target_prior=double([0.5, 0.5])), '`target_prior` to hold 5 values'),
        ],
    )
    def test_what_does_not_fit_the_scores_is_refused(self, scores, steps, message):
        with pytest.raises(ValueError, match=message):
            PostHocSteps(**steps).transform(scores)

    @pytest.mark.parametrize('prior', [None, PRIOR], ids=['balanced', 'prior'])
    @pytest.mark.parametrize('temperature', [None, 1.5])
    @pytest.mark.parametrize('rebalancing', [None, 1.2])
    @pytest.mark.parametrize('adjustment', [None, 0.8])
    def test_softmax_of_the_transformed_logits_is_the_transformed_softmax(
        self, logits, scores, adjustment, rebalancing, temperature, prior
    ):
        vectors = map(double, (COUNTS, MASS, prior))
        steps = PostHocSteps(adjustment, rebalancing, temperature, *vectors)
        actual = steps.transform_logits(logits).softmax(dim=1)
        assert_close(actual, steps.transform(scores), rtol=1e-6, atol=1e-9)

    def test_logits_have_no_class_mass_of_their_own(self, logits):
        with pytest.raises(ValueError, match='needs a fitted `class_mass`'):
            PostHocSteps(rebalancing=1.0).transform_logits(logits)

    @pytest.mark.parametrize('name', ['logit_adjustment', 'rebalancing'])
    def test_prior_of_the_training_set_is_its_class_shares(self, scores, name):
        counts = double(COUNTS)
        by_name = PostHocSteps(**{name: 0.7}, class_counts=counts, target_prior='train')
        by_hand = PostHocSteps(
            **{name: 0.7}, class_counts=counts, target_prior=counts / counts.sum()
        )
        assert torch.equal(by_name.transform(scores), by_hand.transform(scores))

    def test_lists_of_a_config_are_vectors(self, scores):
        config = dict(logit_adjustment=0.8, rebalancing=1.2, class_counts=COUNTS,
                      class_mass=MASS, target_prior=PRIOR)  # fmt: skip
        steps = PostHocSteps(0.8, 1.2, None, *map(double, (COUNTS, MASS, PRIOR)))
        actual = PostHocSteps.from_config(**config).transform(scores)
        assert torch.equal(actual, steps.transform(scores))

    def test_strengths_are_in_the_order_of_the_steps(self):
        steps = PostHocSteps(temperature=2.0, logit_adjustment=0.0)
        assert list(steps.strengths.items()) == [
            ('logit_adjustment', 0.0),
            ('temperature', 2.0),
        ]
        assert list(STEPS) == ['logit_adjustment', 'rebalancing', 'temperature']
