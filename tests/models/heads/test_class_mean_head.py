"""`ClassMeanClsHead`: distances of centred and normalised features to class means."""

import numpy as np
import pytest
import torch
from mmpretrain.models.losses import CrossEntropyLoss
from numpy.testing import assert_allclose
from torch.testing import assert_close

from mmgala.functional import rebalance
from mmgala.models import ClassMeanClsHead, PredictionRebalancer
from mmgala.registry import MODELS

MEANS = 0.5 * torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
CENTER = torch.linspace(-2, 3, 8)


def filled(**arguments):
    """A head with means and center, as a re-training writes it."""
    head = ClassMeanClsHead(4, 8, **arguments)
    state = dict(weight=2 * MEANS, bias=-(MEANS**2).sum(dim=1), center=CENTER)
    head.fc.load_state_dict(state)
    return head.eval()


def features(num_samples=6, scale=1.0):
    """Two stages, of which the head takes the last."""
    return torch.zeros(num_samples, 2), scale * torch.randn(num_samples, 8)


@pytest.mark.parametrize('scale', [1e-2, 1.0, 1e3])
def test_logits_are_1_minus_squared_distances(scale):
    feats = features(scale=scale)
    logits = filled()(feats).detach().numpy()
    x, center = feats[-1].double().numpy(), CENTER.double().numpy()
    for i, j in np.ndindex(6, 4):
        unit = (x[i] - center) / np.linalg.norm(x[i] - center)
        distance = np.linalg.norm(unit - MEANS[j].double().numpy())
        assert_allclose(logits[i, j], 1 - distance**2, rtol=1e-5, atol=1e-5)


def test_a_feature_at_the_center_has_finite_logits():
    logits = filled()((CENTER[None],))
    assert_close(logits[0], -(MEANS**2).sum(dim=1))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_near_float32(dtype):
    head, (_, x) = filled(), features(scale=10.0)
    expected = head((x.to(dtype).float(),))
    logits = head.to(dtype)((x.to(dtype),))
    assert logits.dtype == dtype
    assert_close(logits.float(), expected, rtol=0, atol=20 * torch.finfo(dtype).eps)


def test_a_checkpoint_holds_the_center():
    head, feats = filled(), features()
    fresh = ClassMeanClsHead(4, 8).eval()
    fresh.load_state_dict(head.state_dict())
    assert torch.equal(fresh(feats), head(feats))
    assert torch.equal(head.state_dict()['fc.center'], CENTER)


def test_a_rebalancer_divides_its_scores():
    mass = [50.0, 20.0, 5.0, 1.0]
    head, feats = filled(post_hoc=PredictionRebalancer(1.3, mass)), features()
    expected = rebalance(head.forward(feats).softmax(dim=1), 1.3, torch.tensor(mass))
    scores = torch.stack([p.pred_score for p in head.predict(feats)])
    assert_close(scores, expected)


def test_it_is_built_by_its_registered_name_with_cross_entropy():
    cfg = dict(type='mmgala.ClassMeanClsHead', num_classes=4, in_channels=8)
    head = MODELS.build(cfg)
    assert type(head) is ClassMeanClsHead
    assert type(head.loss_module) is CrossEntropyLoss
