"""Heads with a chain of post-hoc steps, and their checkpoints of earlier versions."""

import numpy as np
import pytest
import torch
from torch import nn

from mmgala.models import (
    GALAHead,
    LogitAdjuster,
    PostHocChain,
    PredictionRebalancer,
    TemperatureScaler,
)
from mmgala.post_hoc import STEP_MODULES
from tests.batches import random_logits
from tests.post_hoc.loading import LOADS
from tests.post_hoc.test_post_hoc_chain import (
    COUNTS,
    MASS,
    PRIOR,
    expected_chain,
    whole_chain,
)


@pytest.fixture(scope='module')
def logits():
    return (random_logits(40, 5) + torch.tensor([2.0, 1, 0, 0, -1])).float()


@pytest.mark.parametrize('load', LOADS.values(), ids=LOADS)
def test_checkpoint_from_before_there_were_chains(logits, load):
    """The names and shapes that the first ``fit_rebalancer.py`` wrote."""
    head = GALAHead(5, 3, rebalancer=dict(type='mmgala.PredictionRebalancer'))
    state = {k: v for k, v in head.state_dict().items() if 'rebalancer' not in k}
    state['rebalancer.tau'] = torch.tensor(1.7)
    state['rebalancer.class_mass'] = torch.tensor(MASS)
    state['rebalancer.target_prior'] = torch.zeros(0)

    load(head, state)

    expected = PredictionRebalancer(1.7, MASS).transform_logits(logits)
    assert torch.equal(head.post_hoc.transform_logits(logits), expected)


# Buffers of a chain in a head, from when the head called it ``rebalancer``.
SAVED = {
    'rebalancer.steps.0.tau': 0.8,
    'rebalancer.steps.0.class_counts': COUNTS,
    'rebalancer.steps.0.target_prior': PRIOR,
    'rebalancer.steps.1.tau': 1.2,
    'rebalancer.steps.1.class_mass': MASS,
    'rebalancer.steps.1.target_prior': PRIOR,
    'rebalancer.steps.2.temperature': 1.5,
}
UNFITTED = [dict(type=f'mmgala.{kind.__name__}') for kind in STEP_MODULES.values()]


@pytest.mark.parametrize('load', LOADS.values(), ids=LOADS)
@pytest.mark.parametrize('name', ['post_hoc', 'rebalancer'])
class TestCheckpointsOfTheOldName:
    def saved(self, head):
        state = {k: v for k, v in head.state_dict().items() if 'post_hoc' not in k}
        return state | {name: torch.tensor(value) for name, value in SAVED.items()}

    def chain(self):
        return PostHocChain(
            [LogitAdjuster(0.8, COUNTS, PRIOR), PredictionRebalancer(1.2, MASS, PRIOR),
             TemperatureScaler(1.5)]
        )  # fmt: skip

    def test_head_takes_the_whole_chain(self, logits, name, load):
        chain = dict(type='mmgala.PostHocChain', steps=UNFITTED)
        head = GALAHead(5, 3, **{name: chain})

        load(head, self.saved(head))

        expected = self.chain().transform_logits(logits)
        assert torch.equal(head.post_hoc.transform_logits(logits), expected)

    def test_inside_a_model(self, logits, name, load):
        chain = dict(type='mmgala.PostHocChain', steps=UNFITTED)
        model = nn.ModuleDict(dict(head=GALAHead(5, 3, **{name: chain})))

        load(model, {f'head.{k}': v for k, v in self.saved(model['head']).items()})

        found = model.state_dict()
        for key, value in SAVED.items():
            new = 'head.' + key.replace('rebalancer', 'post_hoc')
            assert torch.equal(found[new], torch.tensor(value)), key


def test_head_takes_a_chain(logits):
    head = GALAHead(5, 5, post_hoc=whole_chain()).eval()
    head.fc.load_state_dict({'weight': torch.eye(5), 'bias': torch.zeros(5)})
    scores = torch.stack([p.pred_score for p in head.predict((logits,))])
    np.testing.assert_allclose(
        scores.detach().numpy(), expected_chain(logits), rtol=1e-4, atol=1e-7
    )
