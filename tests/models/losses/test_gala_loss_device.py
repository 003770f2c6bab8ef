"""A training step of `GALALoss` never makes the host wait for the device.

Tensors on the `meta` device have shapes but no values: whatever looks at a value, or
has a result whose shape depends on values, raises there.
"""

import pytest
import torch

from mmgala.models import GALALoss


@pytest.mark.parametrize(
    'look',
    [
        lambda t: t.item(),
        lambda t: bool(t.any()),
        lambda t: t.nonzero(),
        lambda t: t[t > 0],
        lambda t: t.unique(),
        lambda t: t.tolist(),
    ],
)
def test_meta_tensors_betray_who_looks_at_values(look):
    with pytest.raises((RuntimeError, NotImplementedError)):
        look(torch.zeros(1, device='meta'))


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_forward_backward_and_statistics_look_at_no_value(
    variant, kind, dtype, weighted
):
    loss_module = GALALoss(7, variant=variant).to('meta')
    logits = torch.zeros(4, 7, dtype=dtype, device='meta', requires_grad=True)
    target = torch.zeros(4, dtype=torch.int64, device='meta')
    if kind == 'soft':
        target = torch.zeros(4, 7, device='meta')
    weight = torch.ones(4, device='meta') if weighted else None
    version = loss_module.pos_grad._version

    loss = loss_module(logits, target, weight=weight, avg_factor=4)
    loss.backward()

    assert loss.device.type == 'meta'
    assert loss.dtype == torch.float32
    assert logits.grad.shape == (4, 7)
    assert loss_module.pos_grad._version > version  # the statistics were updated
    assert all(b.device.type == 'meta' for b in loss_module.buffers())


def test_buffers_follow_the_model_to_a_device_in_any_type():
    loss_module = GALALoss(7).to('meta', torch.float16)
    assert loss_module.pos_grad.device.type == 'meta'
    assert loss_module.pos_grad.dtype == torch.float32
