"""A loss that is not finite is reported, and leaves no trace in the statistics."""

from types import SimpleNamespace

import pytest
import torch

from mmgala.models import GALALoss

hooks = pytest.importorskip(
    'mmdet.engine.hooks', reason='CheckInvalidLossHook comes with MMDetection'
)


def test_mmdetections_hook_stops_at_nan_logits():
    loss_module = GALALoss(num_classes=3)
    logits = torch.zeros(4, 3, requires_grad=True)
    label = torch.tensor([0, 1, 2, 0])
    loss_module(logits, label)
    before = loss_module.pos_grad.clone()
    broken = torch.zeros(4, 3)
    broken[:, 1] = float('nan')
    loss = loss_module(broken.requires_grad_(), label)
    assert torch.equal(loss_module.pos_grad, before)

    messages = []
    runner = SimpleNamespace(iter=0, logger=SimpleNamespace(info=messages.append))
    hook = hooks.CheckInvalidLossHook(interval=1)
    with pytest.raises(AssertionError):
        hook.after_train_iter(runner, 0, outputs=dict(loss=loss))
    assert messages == ['loss become infinite or NaN!']
