"""Losses of detectors in one graph: no break, the same numbers and statistics."""

import copy

import pytest
import torch
from torch.testing import assert_close

from mmgala.detection import GALABBoxLoss, GALAObjectnessLoss
from tests.graphs import compile_whole

LOSSES = {
    'objectness': (lambda: GALABBoxLoss(5), 7),
    'background excluded': (lambda: GALABBoxLoss(5, 'exclude'), 6),
    'dense objectness': (lambda: GALAObjectnessLoss(5), 6),
}


@pytest.mark.slow
@pytest.mark.parametrize(('build', 'width'), LOSSES.values(), ids=LOSSES)
def test_compiled_steps_equal_eager_ones(build, width):
    eager = build()
    compiled = copy.deepcopy(eager)
    call = compile_whole(compiled)
    for seed in range(3):
        torch.manual_seed(seed)
        values, label = torch.randn(30, width), torch.randint(6, (30,))
        found = []
        for loss in (eager, call):
            logits = values.clone().requires_grad_()
            result = loss(logits, label, avg_factor=30.0)
            total = sum(result.values()) if isinstance(result, dict) else result
            total.backward()
            found.append((result, logits.grad))
        assert_close(found[1], found[0])
    for name, value in eager.state_dict().items():
        assert torch.equal(compiled.state_dict()[name], value), name
