"""choose_post_hoc against brute force in NumPy and scipy's general minimiser."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from mmgala.evaluation import TAU_GRID
from mmgala.evaluation.selection import choose_post_hoc
from mmgala.evaluation.strength_search import (
    TEMPERATURE_LIMITS,
    WeightedScores,
    search_temperature,
)
from mmgala.functional.post_hoc import STEPS
from tests.evaluation.predictions import biased_scores
from tests.reference.post_hoc_numpy import chain

COUNTS = [400, 150, 50, 15, 5]
TAIL = [0.05, 0.15, 0.2, 0.25, 0.35]


def imbalanced(seed=0):
    """Scores and labels of 40, 30, 20, 12 and 7 samples a class."""
    scores, target = biased_scores(200, 5, seed)
    keep = [np.flatnonzero(target == c)[:n] for c, n in enumerate([40, 30, 20, 12, 7])]
    keep = np.sort(np.concatenate(keep))
    return scores[keep], target[keep]


def by_class(values, target, shares):
    """Mean over classes, each the mean of its samples, weighted by its share."""
    return sum(s * values[target == c].mean(axis=0) for c, s in enumerate(shares))


class Reference:
    """The three choices, one after another, of a set resampled to these shares."""

    def __init__(self, scores, target, shares, steps):
        self.scores, self.target, self.shares = scores, target, shares
        # The prior's part of both adjustments, left out where it is balanced.
        self.prior = np.asarray(shares) * len(shares)
        self.tau = self.rebalancing = 0.0
        self.mass = np.ones(len(shares))
        self.temperature = 1.0
        if 'logit_adjustment' in steps:
            self.tau = self.best(lambda tau: self.after(tau=tau))
        if 'rebalancing' in steps:
            self.mass = by_class(self.after(), target, shares)
            self.rebalancing = self.best(lambda tau: self.after(rebalancing=tau))
        if 'temperature' in steps:
            found = minimize(lambda x: self.loss(math.exp(x[0])), [0.0],
                             method='Nelder-Mead', options={'xatol': 1e-7})  # fmt: skip
            self.temperature = math.exp(found.x[0])

    def after(self, tau=None, rebalancing=None, temperature=1.0):
        tau = self.tau if tau is None else tau
        rebalancing = self.rebalancing if rebalancing is None else rebalancing
        counts, mass = COUNTS / self.prior, self.mass / self.prior
        return chain(self.scores, counts, tau, rebalancing, mass, temperature)

    def best(self, scores_at):
        accuracy = [
            by_class(scores_at(t).argmax(axis=1) == self.target, self.target,
                     self.shares)
            for t in TAU_GRID
        ]  # fmt: skip
        return TAU_GRID[int(np.argmax(np.round(accuracy, 9)))]

    def loss(self, temperature):
        own = self.after(temperature=temperature)[
            np.arange(len(self.target)), self.target
        ]
        return by_class(-np.log(own), self.target, self.shares)


ALL = tuple(STEPS)
AUTO = dict.fromkeys(ALL, 'auto')


@pytest.mark.parametrize('prior', [None, TAIL], ids=['balanced', 'tail'])
@pytest.mark.parametrize(
    'steps', [ALL, *((name,) for name in ALL), ALL[:2], ALL[1:]], ids='+'.join
)
@pytest.mark.parametrize('seed', [0, 1])
def test_choices_and_scores_equal_the_reference(seed, steps, prior):
    scores, target = imbalanced(seed)
    expected = Reference(scores, target, prior or [0.2] * 5, steps)

    choice = choose_post_hoc(
        scores,
        target,
        class_counts=COUNTS,
        target_prior=prior,
        **dict.fromkeys(steps, 'auto'),
    )

    chosen = choice.steps
    for name, value in zip(
        ALL, (expected.tau, expected.rebalancing, expected.temperature), strict=True
    ):
        found = getattr(chosen, name)
        assert found == (pytest.approx(value, rel=1e-3) if name in steps else None)
    assert list(choice.searches) == list(steps)
    new = chosen.transform(torch.tensor(scores))
    assert_allclose(
        new.numpy(), expected.after(temperature=expected.temperature), rtol=2e-2,
        atol=1e-4
    )  # fmt: skip


def test_every_choice_changes_something():
    """The steps compared above have an effect."""
    scores, target = imbalanced()
    expected = Reference(scores, target, [0.2] * 5, ALL)
    assert expected.tau > 0
    assert abs(math.log(expected.temperature)) > 0.05
    assert Reference(scores, target, [0.2] * 5, ALL[1:]).rebalancing > 0


def test_given_values_are_kept_and_the_rest_is_chosen_given_them():
    scores, target = imbalanced()

    choice = choose_post_hoc(
        scores, target, class_counts=COUNTS, logit_adjustment=0.3, rebalancing='auto',
        temperature=2.0
    )  # fmt: skip

    reference = Reference(scores, target, [0.2] * 5, ())
    reference.tau = 0.3
    reference.mass = by_class(reference.after(), target, [0.2] * 5)
    best = reference.best(lambda tau: reference.after(rebalancing=tau))
    steps = choice.steps
    assert (steps.logit_adjustment, steps.temperature) == (0.3, 2.0)
    assert steps.rebalancing == best
    assert list(choice.searches) == ['rebalancing']


def test_inductive_and_transductive_on_other_data():
    scores, target = imbalanced()
    test = biased_scores(50, 5, seed=9)[0]
    steps = choose_post_hoc(
        scores, target, class_counts=COUNTS, logit_adjustment=0.3, rebalancing=0.9,
        temperature=1.4
    ).steps  # fmt: skip
    adjusted = scores / np.array(COUNTS) ** 0.3
    adjusted /= adjusted.sum(axis=1, keepdims=True)
    mass = by_class(adjusted, target, [0.2] * 5)

    inductive = steps.transform(torch.tensor(test))
    transductive = steps.without_class_mass().transform(torch.tensor(test))

    for actual, of in ((inductive, mass), (transductive, None)):
        expected = chain(test, COUNTS, 0.3, 0.9, of, 1.4)
        assert_allclose(actual.numpy(), expected, rtol=1e-4, atol=1e-7)
    assert (inductive - transductive).abs().max() > 1e-3


def test_class_mass_of_a_balanced_set_is_the_plain_sum():
    scores, target = biased_scores(100, 5)
    steps = choose_post_hoc(scores, target, rebalancing=1.0).steps
    assert_allclose(steps.class_mass, scores.sum(axis=0), rtol=1e-5)


def test_tensors_work_like_arrays():
    scores, target = imbalanced()
    tensors = torch.tensor(scores), torch.tensor(target)
    of_tensors = choose_post_hoc(*tensors, class_counts=torch.tensor(COUNTS), **AUTO)
    of_arrays = choose_post_hoc(scores, target, class_counts=COUNTS, **AUTO)
    assert str(of_tensors) == str(of_arrays)


def test_a_large_set_is_processed_in_chunks(monkeypatch):
    scores, target = imbalanced()
    whole = choose_post_hoc(scores, target, class_counts=COUNTS, **AUTO).steps
    monkeypatch.setattr('mmgala.utils.chunks.VALUES_PER_SLICE', 5 * 7)
    parts = choose_post_hoc(scores, target, class_counts=COUNTS, **AUTO).steps
    for name in ALL:
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-3)
    assert_allclose(parts.class_mass, whole.class_mass, rtol=1e-6)


class TestTemperature:
    def test_overconfident_scores_get_back_the_temperature_they_lost(self):
        scores, target = biased_scores(500, 5)
        before = choose_post_hoc(scores, target, temperature='auto')
        sharper = scores.astype(np.float64) ** 3
        sharper /= sharper.sum(axis=1, keepdims=True)
        after = choose_post_hoc(sharper, target, temperature='auto')
        expected = 3 * before.steps.temperature
        assert after.steps.temperature == pytest.approx(expected, rel=1e-3)
        search = after.searches['temperature']
        assert search.loss_after < search.loss_before

    @pytest.mark.parametrize(('right', 'limit'), [(True, 0), (False, 1)])
    def test_it_stays_within_limits_and_says_so(self, right, limit):
        scores = torch.tensor([[0.6, 0.4], [0.4, 0.6]])
        target = torch.tensor([0, 1] if right else [1, 0])
        search = search_temperature(WeightedScores(scores, target))
        assert search.temperature == pytest.approx(TEMPERATURE_LIMITS[limit], rel=0.01)
        assert '(at the limit of 0.05 to 20)' in str(search)

    def test_a_label_whose_score_is_0_does_not_make_the_loss_infinite(self):
        scores, target = biased_scores(100, 5)
        clean = choose_post_hoc(scores, target, temperature='auto').steps
        scores[0] = np.eye(5)[(target[0] + 1) % 5]
        choice = choose_post_hoc(scores, target, temperature='auto')
        assert math.isfinite(choice.searches['temperature'].loss_before)
        assert clean.temperature < choice.steps.temperature < TEMPERATURE_LIMITS[1] / 2


def test_printed():
    scores, target = imbalanced()
    text = str(choose_post_hoc(scores, target, class_counts=COUNTS, **AUTO))
    assert text.count('<- chosen') == 2
    assert text.startswith('Logit adjustment, chosen on the validation set:\n')
    assert '\nRe-balancing, chosen on the validation set:\n' in text
    assert '\nTemperature, chosen on the validation set:\n' in text
    assert 'given' in str(choose_post_hoc(scores, target, temperature=2))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(logit_adjustment='auto'), 'needs the class counts'),
        (dict(logit_adjustment=1.0), 'needs the class counts'),
        (dict(target_prior='train'), 'needs the class counts'),
        (dict(class_counts=[1, 2]), '`class_counts` to hold 5 values'),
        (dict(rebalancing='best'), "a number, 'auto' or None, but got 'best'"),
        (dict(temperature=-1), '`temperature` to be a finite number above 0'),
        (dict(rebalancing=1.0, target_prior=[0.5, 0.5]), 'to hold 5 values'),
    ],
    ids=str,
)
def test_inconsistent_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_post_hoc(*imbalanced(), **arguments)


def test_fewer_samples_than_classes_are_refused():
    with pytest.raises(ValueError, match='5 classes from 4 samples'):
        choose_post_hoc(*biased_scores(4, 5), temperature='auto')
