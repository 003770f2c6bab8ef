"""Post-hoc modules: equal to the functions, saved with the model, in one order."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmgala.functional.post_hoc import STEPS, PostHocSteps
from mmgala.post_hoc import (
    LogitAdjuster,
    PostHocChain,
    PredictionRebalancer,
    TemperatureScaler,
    build_post_hoc,
)
from tests.batches import random_logits
from tests.post_hoc.loading import LOADS
from tests.reference import post_hoc_numpy as reference

COUNTS = [500.0, 120.0, 40.0, 0.0, 2.0]
FILLED = [500.0, 120.0, 40.0, 2.0, 2.0]
MASS = [50.0, 20.0, 10.0, 4.0, 0.5]
PRIOR = [0.4, 0.3, 0.15, 0.1, 0.05]


@pytest.fixture(scope='module')
def logits():
    return (random_logits(40, 5) + torch.tensor([2.0, 1, 0, 0, -1])).float()


def whole_chain():
    return PostHocChain(
        [LogitAdjuster(0.8, COUNTS), PredictionRebalancer(1.2, MASS),
         TemperatureScaler(1.5)]
    )  # fmt: skip


def expected_chain(logits):
    scores = reference.softmax(logits.double().numpy())
    return reference.chain(scores, FILLED, 0.8, 1.2, MASS, 1.5)


@pytest.mark.parametrize('method', ['transform', 'transform_logits'])
class TestFormula:
    def scores(self, module, logits, method):
        if method == 'transform_logits':
            return module.transform_logits(logits).softmax(dim=1).numpy()
        return module.transform(logits.softmax(dim=1)).numpy()

    @pytest.mark.parametrize('prior', [None, PRIOR], ids=['balanced', 'prior'])
    @pytest.mark.parametrize('tau', [0.0, 1.0, 1.7])
    def test_logit_adjuster(self, logits, method, tau, prior):
        module = LogitAdjuster(tau, COUNTS, prior)
        expected = reference.logit_adjustment(logits.numpy(), COUNTS, tau, prior)
        actual = self.scores(module, logits, method)
        np.testing.assert_allclose(actual, expected, rtol=1e-4)

    @pytest.mark.parametrize('temperature', [0.4, 1.0, 3.0])
    def test_temperature_scaler(self, logits, method, temperature):
        expected = reference.temperature_scale(logits.numpy(), temperature)
        actual = self.scores(TemperatureScaler(temperature), logits, method)
        np.testing.assert_allclose(actual, expected, rtol=1e-4)

    def test_chain(self, logits, method):
        actual = self.scores(whole_chain(), logits, method)
        np.testing.assert_allclose(actual, expected_chain(logits), rtol=1e-4)


class TestChain:
    @pytest.mark.parametrize(
        ('steps', 'found'),
        [
            ([], 'none'),
            ([TemperatureScaler(), LogitAdjuster()], 'TemperatureScaler, LogitAdj'),
            ([PredictionRebalancer(), LogitAdjuster()], 'PredictionRebalancer, Log'),
            ([TemperatureScaler(), TemperatureScaler()], 'TemperatureScaler, Temp'),
            ([nn.Identity()], 'Identity'),
        ],
        ids=['none', 'temperature first', 're-balancing first', 'twice', 'other'],
    )
    def test_other_orders_are_refused(self, steps, found):
        with pytest.raises(ValueError, match=f'in this order.*but got {found}'):
            PostHocChain(steps)

    def test_fitted_when_all_steps_are(self):
        assert whole_chain().fitted
        assert not PostHocChain([LogitAdjuster(), TemperatureScaler()]).fitted
        assert TemperatureScaler().fitted

    def test_half_logits_are_adjusted_in_float32(self, logits):
        half = logits.half()
        actual = whole_chain().transform_logits(half)
        assert actual.dtype == torch.float32
        assert torch.equal(actual, whole_chain().transform_logits(half.float()))

    def test_casting_a_model_leaves_the_state_exact(self):
        chain = whole_chain()
        before = {name: b.clone() for name, b in chain.named_buffers()}
        nn.Sequential(nn.Linear(2, 5), chain).half()
        assert len(before) == 7
        for name, buffer in chain.named_buffers():
            assert torch.equal(buffer, before[name]), name
            assert buffer.dtype == torch.float32, name


@pytest.mark.parametrize('load', LOADS.values(), ids=LOADS)
class TestStateDict:
    def test_unfitted_chain_takes_everything(self, logits, load):
        fresh = PostHocChain(
            [LogitAdjuster(), PredictionRebalancer(), TemperatureScaler()]
        )
        load(fresh, whole_chain().state_dict())
        assert torch.equal(
            fresh.transform_logits(logits), whole_chain().transform_logits(logits)
        )


CHOSEN = {
    'one': dict(temperature=1.3),
    'two': dict(logit_adjustment=1.2, temperature=0.123457),
    'all': dict(logit_adjustment=0.8, rebalancing=1.2, temperature=1.5),
}


@pytest.mark.parametrize('chosen', CHOSEN.values(), ids=CHOSEN)
class TestBuilding:
    def steps(self, chosen):
        vectors = [torch.tensor(v, dtype=torch.float64) for v in (COUNTS, MASS, PRIOR)]
        return PostHocSteps(*map(chosen.get, STEPS), *vectors)

    def test_module_does_what_the_steps_say(self, logits, chosen):
        steps, scores = self.steps(chosen), logits.softmax(dim=1)
        actual = build_post_hoc(steps).transform(scores)
        assert_close(actual, steps.transform(scores))

    def test_config_and_state_build_the_same_module(self, logits, chosen):
        module = build_post_hoc(self.steps(chosen))
        config = module.config()
        registry = pytest.importorskip('mmgala.models.core').MODELS
        again = registry.build(config)
        assert again.config() == config
        again.load_state_dict(module.state_dict())
        assert torch.equal(
            again.transform_logits(logits), module.transform_logits(logits)
        )


def test_config_has_the_numbers_that_were_given():
    steps = PostHocSteps(1.2, None, 0.1234, torch.tensor(COUNTS))
    assert build_post_hoc(steps).config() == dict(
        type='mmgala.PostHocChain',
        steps=[
            dict(type='mmgala.LogitAdjuster', tau=1.2),
            dict(type='mmgala.TemperatureScaler', temperature=0.1234),
        ],
    )


class TestChecks:
    @pytest.mark.parametrize('method', ['transform', 'transform_logits'])
    def test_adjuster_without_counts(self, logits, method):
        with pytest.raises(ValueError, match='has no class counts yet: pass `class_'):
            getattr(LogitAdjuster(), method)(logits.softmax(dim=1))

    def test_adjuster_of_other_classes(self, logits):
        with pytest.raises(ValueError, match='LogitAdjuster was fitted to 2 classes'):
            LogitAdjuster(1.0, [3, 4]).transform_logits(logits)

    @pytest.mark.parametrize(
        'counts', [[-1, 2], [0, 0]], ids=['negative', 'no samples']
    )
    def test_counts(self, counts):
        with pytest.raises(ValueError, match='`class_counts` to'):
            LogitAdjuster(1.0, counts)

    @pytest.mark.parametrize('temperature', [0.0, -2.0, float('nan')])
    def test_temperature(self, temperature):
        with pytest.raises(ValueError, match='`temperature` to be a finite number'):
            TemperatureScaler(temperature)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -1.0])
@pytest.mark.parametrize(
    'key', ['steps.0.tau', 'steps.0.class_counts', 'steps.1.class_mass',
            'steps.2.temperature'],
)  # fmt: skip
@pytest.mark.parametrize('load', LOADS.values(), ids=LOADS)
def test_broken_values_of_a_checkpoint_are_refused_by_their_key(load, key, value):
    state = whole_chain().state_dict()
    state[key] = state[key].clone()
    state[key].view(-1)[0] = value
    with pytest.raises(ValueError, match=f'`{key}` .*{value:g}.*earlier checkpoint'):
        load(whole_chain(), state)
