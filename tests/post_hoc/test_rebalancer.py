"""`PredictionRebalancer`: fitted once, applied to single samples, saved."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmgala.post_hoc import PredictionRebalancer
from tests.batches import random_logits
from tests.post_hoc.loading import LOADS
from tests.reference import rebalance_numpy

PRIOR = [0.4, 0.3, 0.15, 0.1, 0.05]
MASS = [50.0, 20.0, 10.0, 4.0, 0.5]


@pytest.fixture(scope='module')
def logits():
    """Float32 logits that favour class 0, ``(40, 5)``."""
    return (random_logits(40, 5) + torch.tensor([2.0, 1, 0, 0, -1])).float()


@pytest.fixture(scope='module')
def scores(logits):
    return logits.softmax(dim=1)


@pytest.mark.parametrize('prior', [None, PRIOR], ids=['balanced', 'prior'])
@pytest.mark.parametrize('tau', [0.0, 1.0, 1.7])
class TestFormula:
    def expected(self, scores, mass, tau, prior):
        result = rebalance_numpy.rebalance(scores.double().numpy(), tau, mass, prior)
        return torch.from_numpy(result).float()

    def test_fit_then_transform(self, scores, tau, prior):
        rebalancer = PredictionRebalancer(tau, target_prior=prior).fit(scores[:30])
        mass = scores[:30].double().numpy().sum(axis=0)
        expected = self.expected(scores[30:], mass, tau, prior)
        assert_close(rebalancer.transform(scores[30:]), expected)
        np.testing.assert_allclose(rebalancer.class_mass, mass, rtol=1e-6)

    def test_given_class_mass(self, scores, tau, prior):
        rebalancer = PredictionRebalancer(tau, MASS, prior)
        expected = self.expected(scores[:1], MASS, tau, prior)
        assert_close(rebalancer.transform(scores[:1]), expected)

    def test_adjusted_logits(self, logits, scores, tau, prior):
        adjusted = PredictionRebalancer(tau, MASS, prior).transform_logits(logits)
        expected = self.expected(scores, MASS, tau, prior)
        assert_close(adjusted.softmax(dim=1), expected)
        assert adjusted.dtype == torch.float32


def test_fitted_says_whether_there_is_a_class_mass(scores):
    assert PredictionRebalancer(class_mass=MASS).fitted
    rebalancer = PredictionRebalancer()
    assert not rebalancer.fitted
    assert rebalancer.fit(scores) is rebalancer
    assert rebalancer.fitted


def test_fitting_again_replaces_the_first_fit(scores):
    twice = PredictionRebalancer().fit(scores[:20]).fit(scores[20:])
    assert torch.equal(
        twice.class_mass, PredictionRebalancer().fit(scores[20:]).class_mass
    )


def test_half_logits_are_adjusted_in_float32(logits):
    rebalancer = PredictionRebalancer(1.7, MASS)
    half = logits.half()
    assert torch.equal(
        rebalancer.transform_logits(half), rebalancer.transform_logits(half.float())
    )


@pytest.mark.parametrize('load', LOADS.values(), ids=LOADS)
@pytest.mark.parametrize('prior', [None, PRIOR], ids=['balanced', 'prior'])
class TestStateDict:
    def test_unfitted_module_takes_everything(self, scores, prior, load):
        fitted = PredictionRebalancer(1.7, target_prior=prior).fit(scores)
        fresh = PredictionRebalancer()
        load(fresh, fitted.state_dict())
        assert torch.equal(fresh.tau, fitted.tau)
        assert torch.equal(fresh.class_mass, fitted.class_mass)
        assert torch.equal(fresh.target_prior, fitted.target_prior)
        assert torch.equal(fresh.transform(scores), fitted.transform(scores))

    def test_inside_a_model(self, scores, prior, load):
        fitted, fresh = (
            nn.Sequential(nn.Linear(2, 5), rebalancer)
            for rebalancer in (
                PredictionRebalancer(1.7, MASS, prior),
                PredictionRebalancer(),
            )
        )
        load(fresh, fitted.state_dict())
        assert torch.equal(fresh[1].transform(scores), fitted[1].transform(scores))

    def test_loading_copies(self, scores, prior, load):
        fitted, fresh = PredictionRebalancer(1.7, MASS, prior), PredictionRebalancer()
        load(fresh, fitted.state_dict())
        fitted.class_mass.zero_()
        assert fresh.class_mass.tolist() == MASS


def test_saved_and_loaded_from_a_file(tmp_path, scores):
    fitted = PredictionRebalancer(1.7, target_prior=PRIOR).fit(scores)
    torch.save(fitted.state_dict(), tmp_path / 'rebalancer.pth')
    fresh = PredictionRebalancer()
    fresh.load_state_dict(torch.load(tmp_path / 'rebalancer.pth', weights_only=True))
    assert torch.equal(fresh.transform(scores), fitted.transform(scores))


CASTS = {
    'half()': lambda module: module.half(),
    'bfloat16()': lambda module: module.bfloat16(),
    'to(float16)': lambda module: module.to(torch.float16),
}


@pytest.mark.parametrize('cast', CASTS.values(), ids=CASTS)
def test_casting_a_model_leaves_its_state_exact(scores, cast):
    values = [1e6, 1000000.5, 1 / 3, 1e-7, 1.0]
    model = nn.Sequential(nn.Linear(2, 5), PredictionRebalancer(1.7, values, PRIOR))
    before = {name: b.clone() for name, b in model[1].named_buffers()}
    cast(model)
    assert set(before) == {'tau', 'class_mass', 'target_prior'}
    for name, buffer in model[1].named_buffers():
        assert buffer.dtype == torch.float32, name
        assert torch.equal(buffer, before[name]), name


def test_a_half_checkpoint_is_loaded_as_float32(scores):
    fitted, fresh = PredictionRebalancer(1.5, MASS), PredictionRebalancer()
    fresh.load_state_dict({n: t.half() for n, t in fitted.state_dict().items()})
    assert fresh.class_mass.dtype == torch.float32
    assert fresh.class_mass.tolist() == MASS


class TestChecks:
    @pytest.mark.parametrize('tau', [-0.1, math.nan, math.inf])
    def test_tau(self, tau):
        with pytest.raises(ValueError, match=f'`tau` to be a finite.*but got {tau}'):
            PredictionRebalancer(tau)

    @pytest.mark.parametrize(
        ('mass', 'message'),
        [
            ([1.0, -1.0], '`class_mass` to be finite and 0 or more'),
            ([1.0, math.nan], '`class_mass` to be finite and 0 or more'),
            ([0.0, 0.0], '`class_mass` to have a positive sum'),
        ],
    )
    def test_class_mass(self, mass, message):
        with pytest.raises(ValueError, match=message):
            PredictionRebalancer(class_mass=mass)

    @pytest.mark.parametrize(
        ('prior', 'message'),
        [
            ([0.5, 0.5], '`target_prior` to hold 5 values'),
            ([2.0, 2, 2, 2, 2], '`target_prior` to sum to 1, but got 10'),
            ([1.5, -0.5, 0, 0, 0], '`target_prior` to be finite and 0 or more'),
        ],
    )
    def test_target_prior(self, prior, message):
        with pytest.raises(ValueError, match=message):
            PredictionRebalancer(class_mass=MASS, target_prior=prior)

    def test_target_prior_without_class_mass(self):
        with pytest.raises(ValueError, match='`target_prior` to sum to 1'):
            PredictionRebalancer(target_prior=[2.0, 2.0])

    def test_too_few_samples_to_fit(self, scores):
        rebalancer = PredictionRebalancer()
        with pytest.raises(ValueError, match='mass of 5 classes from 4 samples'):
            rebalancer.fit(scores[:4])
        assert not rebalancer.fitted

    def test_logits_instead_of_scores(self, logits):
        with pytest.raises(ValueError, match='Apply softmax to logits first'):
            PredictionRebalancer().fit(logits)
        with pytest.raises(ValueError, match='Apply softmax to logits first'):
            PredictionRebalancer(class_mass=MASS).transform(logits)

    def test_fitting_to_other_classes_than_the_prior(self, scores):
        rebalancer = PredictionRebalancer(target_prior=[0.5, 0.5])
        with pytest.raises(ValueError, match='`target_prior` to hold 5 values'):
            rebalancer.fit(scores).transform(scores)

    @pytest.mark.parametrize('method', ['transform', 'transform_logits'])
    def test_unfitted(self, scores, method):
        with pytest.raises(
            ValueError, match='no class mass yet: call `fit.*mmgala fit'
        ):
            getattr(PredictionRebalancer(), method)(scores)

    @pytest.mark.parametrize('method', ['transform', 'transform_logits'])
    def test_fitted_to_other_classes(self, scores, method):
        rebalancer = PredictionRebalancer(class_mass=[1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match='fitted to 3 classes.*scores have 5'):
            getattr(rebalancer, method)(scores)
