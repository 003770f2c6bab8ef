"""ClassShardsHook: what it refuses, and that summing scores leaves the model alone."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.model import BaseModel
from mmpretrain.structures import DataSample
from torch import nn
from torch.testing import assert_close

from mmgala.engine import ClassShardsHook
from mmgala.models import GALAHead


def test_a_strength_without_shared_out_classes_is_refused():
    runner = SimpleNamespace(model=nn.Linear(2, 3), hooks=[])
    with pytest.raises(ValueError, match=r'tau=1.5.*remove `tau`.*--rebalance'):
        ClassShardsHook(tau=1.5).before_run(runner)
    ClassShardsHook().before_run(runner)


@pytest.mark.parametrize('tau', [-1.0, float('nan')])
def test_a_strength_out_of_range_is_refused(tau):
    with pytest.raises(ValueError, match=f'tau.* from 0 to 1000.*{tau}'):
        ClassShardsHook(tau=tau)


class Network(BaseModel):
    """A sharded head behind layers that differ in training mode."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.head = GALAHead(3, 4, shard_classes=True)

    def forward(self, inputs, data_samples=None, mode='predict'):
        return self.head.predict((self.layers(inputs),), data_samples)


class Loader(list):
    """Batches, and as many samples as they have."""

    dataset = range(12)


def test_scores_are_summed_in_evaluation_mode():
    torch.manual_seed(0)
    model = Network().train()
    before = copy.deepcopy(model.state_dict())
    batches = Loader(
        dict(
            inputs=torch.randn(6, 4) + 2, data_samples=[DataSample() for _ in range(6)]
        )
        for _ in range(2)
    )
    runner = SimpleNamespace(
        model=model, test_dataloader=batches, test_loop=SimpleNamespace(fp16=False)
    )
    hook = ClassShardsHook(tau=1.0)
    hook.before_test_epoch(runner)

    assert_close(model.state_dict(), before)
    logits = [model.head.fc(model.layers(batch['inputs'])) for batch in batches]
    expected = torch.cat(logits).softmax(dim=1).mean(dim=0)
    assert_close((model.head.class_mass.mass / 12).float(), expected)
