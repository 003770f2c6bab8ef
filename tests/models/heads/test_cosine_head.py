"""`CosineClsHead`: scaled cosines, in any precision."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmpretrain.models.losses import CrossEntropyLoss
from mmpretrain.structures import DataSample
from numpy.testing import assert_allclose
from torch.testing import assert_close

from mmgala.functional import rebalance
from mmgala.models import CosineClsHead, GALALoss, LDAMLoss, PredictionRebalancer
from mmgala.registry import MODELS

MASS = [50.0, 20.0, 5.0, 1.0]
HALF = [torch.float16, torch.bfloat16]


def features(num_samples=6, scale=1.0):
    """Two stages, of which the head takes the last."""
    return torch.zeros(num_samples, 2), scale * torch.randn(num_samples, 8)


def samples():
    return [DataSample().set_gt_label(i % 4) for i in range(6)]


def test_logits_are_scaled_cosines():
    head, feats = CosineClsHead(4, 8, scale=20.0), features(scale=3.0)
    logits = head(feats).detach().numpy()
    x = feats[-1].double().numpy()
    w = head.fc.weight.detach().double().numpy()
    for i, j in np.ndindex(6, 4):
        cosine = x[i] @ w[j] / np.linalg.norm(x[i]) / np.linalg.norm(w[j])
        assert_allclose(logits[i, j], 20 * cosine, rtol=1e-5, atol=1e-5)


def test_lengths_of_vectors_do_not_matter():
    head, feats = CosineClsHead(4, 8), features()
    before = head(feats)
    with torch.no_grad():
        head.fc.weight *= torch.tensor([[1e-3], [1.0], [7.0], [1e3]])
    assert_close(head(feats), before)
    assert_close(head((500 * feats[-1],)), before)


def test_class_vectors_begin_with_length_1_in_all_directions():
    weight = CosineClsHead(2000, 8).fc.weight
    assert_close(weight.norm(dim=1), torch.ones(2000))
    # Standard error of a mean: 1 / sqrt(8 * 2000) = 0.008.
    assert weight.mean(dim=0).abs().max() < 0.04
    again = CosineClsHead(2000, 8)
    again.init_weights()
    assert_close(again.fc.weight.norm(dim=1), torch.ones(2000))


@pytest.mark.parametrize('dtype', [torch.float32, *HALF])
def test_a_feature_of_0_has_logits_of_0(dtype):
    head = CosineClsHead(4, 8).to(dtype)
    x = torch.zeros(3, 8, dtype=dtype, requires_grad=True)
    logits = head((x,))
    logits.sum().backward()
    assert not logits.any()
    assert torch.isfinite(head.fc.weight.grad).all()
    if dtype != torch.float16:  # the slope at 0 is beyond its range
        assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize('dtype', HALF)
@pytest.mark.parametrize('scale', [1e-3, 1.0, 1e4])
def test_half_precision_is_that_of_float32_rounded(dtype, scale):
    """Squares of 1e4 overflow in float16, and those of 1e-3 underflow."""
    head, (_, x) = CosineClsHead(4, 8), features(scale=scale)
    expected = head.float()((x.to(dtype).float(),))
    logits = head.to(dtype)((x.to(dtype),))
    assert logits.dtype == dtype
    tolerance = 30 * 4 * torch.finfo(dtype).eps
    assert_close(logits.float(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize('dtype', [torch.float32, *HALF])
@pytest.mark.parametrize(
    'loss', [dict(type='mmgala.GALALoss'), dict(type='mmgala.LDAMLoss', scale=30.0)]
)
def test_it_trains_with_the_losses_of_the_package(loss, dtype):
    head = CosineClsHead(4, 8, loss=loss).to(dtype)
    assert isinstance(head.loss_module, GALALoss | LDAMLoss)
    if isinstance(head.loss_module, LDAMLoss):
        head.loss_module.set_class_counts([50, 20, 5, 1])
    feats = tuple(f.to(dtype) for f in features())
    value = head.loss(feats, samples())['loss']
    value.backward()
    assert value.dtype == torch.float32
    gradient = head.fc.weight.grad
    assert gradient.any()
    assert torch.isfinite(gradient).all()
    # Along its own direction a class weight vector has no gradient.
    along = (gradient * head.fc.weight).float().sum(dim=1)
    assert_close(along, torch.zeros(4), rtol=0, atol=4 * torch.finfo(dtype).eps)


def test_its_default_loss_is_cross_entropy():
    head, feats = CosineClsHead(4, 8), features()
    assert type(head.loss_module) is CrossEntropyLoss
    target = torch.arange(6) % 4
    expected = F.cross_entropy(head(feats), target)
    assert_close(head.loss(feats, samples())['loss'], expected)


def test_a_rebalancer_divides_its_scores():
    rebalancer = PredictionRebalancer(1.3, MASS)
    head, feats = CosineClsHead(4, 8, post_hoc=rebalancer).eval(), features()
    expected = rebalance(head.forward(feats).softmax(dim=1), 1.3, torch.tensor(MASS))
    scores = torch.stack([p.pred_score for p in head.predict(feats)])
    assert_close(scores, expected)


def test_a_checkpoint_restores_it():
    trained, fresh = CosineClsHead(4, 8), CosineClsHead(4, 8)
    fresh.load_state_dict(trained.state_dict())
    feats = features()
    assert torch.equal(fresh(feats), trained(feats))
    assert 'fc.bias' not in trained.state_dict()


def test_it_is_built_by_its_registered_name_and_shows_its_scale():
    cfg = dict(type='mmgala.CosineClsHead', num_classes=4, in_channels=8, scale=16.0)
    head = MODELS.build(cfg)
    assert type(head) is CosineClsHead
    assert 'in_features=8, out_features=4, bias=False, scale=16.0' in repr(head)


@pytest.mark.parametrize('scale', [0.0, -1.0])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(ValueError, match='`scale` to be positive, but got'):
        CosineClsHead(4, 8, scale=scale)


def test_a_loss_for_other_classes_is_refused():
    with pytest.raises(ValueError, match='num_classes=4, but its loss num_classes=5'):
        CosineClsHead(4, 8, loss=dict(type='mmgala.LDAMLoss', num_classes=5))


@pytest.mark.parametrize('kind', ['LDAMLoss', 'GCLLoss'])
def test_head_and_loss_have_one_scale(kind):
    loss = dict(type=f'mmgala.{kind}', scale=16.0)
    assert CosineClsHead(4, 8, scale=16.0, loss=loss).loss_module.scale == 16
    with pytest.raises(ValueError, match=r'scale=30\.0, but its loss scale=16\.0'):
        CosineClsHead(4, 8, loss=loss)
