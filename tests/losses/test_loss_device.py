"""A training step of a loss never makes the host wait for the device.

Tensors on the `meta` device have shapes but no values: reading a value, or computing a
result whose shape depends on values, raises an error there.
"""

import pytest
import torch

from tests.losses.loss_cases import CASES, NUM_CLASSES, names


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
def test_reading_a_value_of_a_meta_tensor_raises(look):
    with pytest.raises((RuntimeError, NotImplementedError)):
        look(torch.zeros(1, device='meta'))


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('name', CASES)
def test_forward_and_backward_read_no_value(name, kind, dtype, weighted):
    if kind == 'soft' and not CASES[name].soft:
        pytest.skip('takes class indices alone')
    loss_module = CASES[name].build().to('meta')
    shape = (4, NUM_CLASSES)
    logits = torch.zeros(shape, dtype=dtype, device='meta', requires_grad=True)
    target = torch.zeros(4, dtype=torch.int64, device='meta')
    if kind == 'soft':
        target = torch.zeros(shape, device='meta')
    weight = torch.ones(4, device='meta') if weighted else None

    loss = loss_module(logits, target, weight=weight, avg_factor=4)
    loss.backward()

    assert loss.device.type == 'meta'
    assert loss.dtype == torch.float32
    assert logits.grad.shape == shape
    assert all(b.device.type == 'meta' for b in loss_module.buffers())


@pytest.mark.parametrize('name', names(lambda case: not case.counted))
def test_statistics_grow_on_the_device(name):
    loss_module = CASES[name].build().to('meta', torch.float16)
    versions = [buffer._version for buffer in loss_module.buffers()]
    logits = torch.zeros(4, NUM_CLASSES, device='meta', requires_grad=True)
    loss_module(logits, torch.zeros(4, dtype=torch.int64, device='meta'))
    for buffer, version in zip(loss_module.buffers(), versions, strict=True):
        assert buffer._version > version
        assert buffer.dtype != torch.float16
