"""`GALALoss` on a batch without samples, as a rank may get one."""

import pytest
import torch

from mmgala.models import GALALoss
from tests.batches import random_logits, random_target

# avg_factor with 'sum' is refused, with samples or without.
CALLS = [(r, f) for r in ('none', 'mean') for f in (None, 0, 0.0, 4.0)]
CALLS.append(('sum', None))


@pytest.fixture(params=['paper', 'official'])
def loss_module(request):
    """A loss that has seen a batch."""
    loss_module = GALALoss(5, variant=request.param)
    loss_module(random_logits(8, 5).requires_grad_(), random_target('hard', 8, 5))
    return loss_module


@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize(('reduction', 'avg_factor'), CALLS)
def test_loss_is_0_and_statistics_stay(loss_module, reduction, avg_factor, kind):
    before = {name: b.clone() for name, b in loss_module.named_buffers()}
    logits = torch.zeros(0, 5, requires_grad=True)

    loss = loss_module(
        logits,
        random_target(kind, 0, 5),
        weight=torch.zeros(0),
        avg_factor=avg_factor,
        reduction_override=reduction,
    )
    loss.sum().backward()

    assert loss.shape == ((0,) if reduction == 'none' else ())
    assert loss.sum().item() == 0.0
    assert logits.grad.shape == (0, 5)
    for name, buffer in loss_module.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_gradients_of_the_layer_before_are_0(loss_module):
    layer = torch.nn.Linear(3, 5)
    loss_module(layer(torch.zeros(0, 3)), torch.zeros(0).long()).backward()
    assert layer.weight.grad.tolist() == [[0.0] * 3] * 5
    assert layer.bias.grad.tolist() == [0.0] * 5
