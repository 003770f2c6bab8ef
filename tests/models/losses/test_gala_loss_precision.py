"""`GALALoss` in half precision: loss and statistics stay float32."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmgala.models import GALALoss
from tests.batches import random_logits, random_target

HALF = [torch.float16, torch.bfloat16]
VARIANTS = ['paper', 'official']
KINDS = ['hard', 'soft']
CASTS = {
    'half()': lambda model: model.half(),
    'bfloat16()': lambda model: model.bfloat16(),
    'to(float16)': lambda model: model.to(torch.float16),
    'to(cpu, bfloat16)': lambda model: model.to('cpu', torch.bfloat16),
    'double()': lambda model: model.double(),
    'half().float()': lambda model: model.half().float(),
}


def warmed_up(variant):
    """A loss that has seen a batch, so that its margins matter."""
    loss_module = GALALoss(5, 1.2, 0.9, variant=variant)
    loss_module(random_logits(50, 5, 7).requires_grad_(), random_target('hard', 50, 5))
    return loss_module


def step(loss_module, logits, target):
    """Loss, gradient and statistics of one training forward."""
    logits = logits.detach().requires_grad_()
    loss = loss_module(logits, target)
    loss.backward()
    return loss.detach(), logits.grad, dict(loss_module.named_buffers())


@pytest.mark.parametrize('cast', CASTS.values(), ids=CASTS)
@pytest.mark.parametrize('variant', VARIANTS)
def test_casting_a_model_leaves_statistics_exact(variant, cast):
    model = nn.Sequential(nn.Linear(2, 5), GALALoss(5, variant=variant))
    # Infinity in float16, 999424 in bfloat16; the others are rounded in both.
    values = torch.tensor([1e6, 1000000.5, 1 / 3, 1e-7, 0.0])
    for buffer in model[1].buffers():
        buffer.copy_(values.expand_as(buffer))

    cast(model)

    for name, buffer in model[1].named_buffers():
        assert buffer.dtype == torch.float32, name
        assert torch.equal(buffer, values.expand_as(buffer)), name


def test_the_rest_of_a_cast_model_is_half():
    model = nn.Sequential(nn.Linear(2, 5), GALALoss(5)).half()
    assert model[0].weight.dtype == torch.float16


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('dtype', HALF)
def test_half_logits_train_as_the_same_numbers_in_float32(dtype, variant, kind):
    logits = random_logits(50, 5).to(dtype)
    target = random_target(kind, 50, 5).to(dtype if kind == 'soft' else torch.int64)
    loss, gradient, statistics = step(warmed_up(variant), logits, target)
    expected = step(warmed_up(variant), logits.float(), target)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected[0])
    assert torch.equal(gradient, expected[1].to(dtype))
    assert_close(statistics, expected[2], rtol=0, atol=0)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('dtype', HALF)
def test_autocast_trains_as_float32_does(dtype, variant, kind):
    layer = nn.Linear(3, 5)
    features, target = torch.randn(50, 3), random_target(kind, 50, 5)
    loss_module = warmed_up(variant)

    with torch.autocast('cpu', dtype):
        logits = layer(features)
        loss = loss_module(logits, target)
    loss.backward()

    expected = step(warmed_up(variant), logits.float(), target)
    assert logits.dtype == dtype
    assert loss.dtype == torch.float32
    assert_close(loss.detach(), expected[0], rtol=1e-6, atol=0)
    statistics = dict(loss_module.named_buffers())
    assert_close(statistics, expected[2], rtol=1e-6, atol=0)
    assert torch.isfinite(layer.weight.grad).all()


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
def test_logits_of_1e4_leave_everything_finite(dtype, variant, kind):
    logits = torch.tensor([[1e4, -1e4, 0, 0, 0], [-1e4, 1e4, 0, 0, 0]], dtype=dtype)
    target = torch.tensor([0, 0])
    if kind == 'soft':
        target = torch.tensor([[1.0, 0, 0, 0, 0], [0.5, 0, 0.5, 0, 0]])
    loss_module = GALALoss(5, variant=variant)
    loss, gradient, statistics = step(loss_module, logits, target)
    # First sample: nothing to learn. Second: 20,000 below at the label (and 10,000).
    assert_close(loss, torch.tensor(2e4 / 2 if kind == 'hard' else 1.5e4 / 2))
    assert torch.isfinite(gradient).all()
    share = 1.0 if kind == 'hard' else 0.5
    scale = 1.0 if variant == 'paper' else 0.5  # a mean over two samples
    assert_close(statistics['pos_grad'][0].item(), share * scale)
