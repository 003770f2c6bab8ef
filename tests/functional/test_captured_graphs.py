"""Functions with checks of values are captured in one graph, without the checks."""

import pytest
import torch
from torch.testing import assert_close

from mmgala import functional as mf
from tests.graphs import compile_whole

LOGITS = torch.linspace(-2, 3, 24).view(8, 3)
LABELS = torch.arange(8) % 3
SOFT = LOGITS.flip(0).softmax(dim=1)
SUMS = torch.tensor([20.0, 3.0, 0.5])
CALLS = dict(
    gala_loss=(mf.gala_loss, LOGITS, LABELS, SUMS, SUMS.flip(0)),
    gala_loss_soft=(mf.gala_loss, LOGITS, SOFT, SUMS, SUMS.flip(0)),
    gala_margin=(mf.gala_margin, SUMS, SUMS.flip(0), LABELS),
    gradient_sums=(mf.logit_gradient_sums, LOGITS, LABELS),
    gradient_sums_soft=(mf.logit_gradient_sums, LOGITS, SOFT),
    rebalance=(mf.rebalance, SOFT),
    rebalance_fitted=(mf.rebalance, SOFT, 1.3, SUMS, SUMS / SUMS.sum()),
    logit_adjustment=(mf.logit_adjustment, SOFT, torch.tensor([9, 0, 2]), 0.7),
    temperature=(mf.temperature_scale, SOFT, 2.0),
    log_class_prior=(mf.log_class_prior, torch.tensor([9, 0, 2])),
)


@pytest.mark.parametrize(('function', 'arguments'), [
    pytest.param(function, arguments, id=name)
    for name, (function, *arguments) in CALLS.items()
])  # fmt: skip
def test_compiled_equals_eager(function, arguments):
    assert_close(compile_whole(function)(*arguments), function(*arguments))


def test_shapes_are_checked_in_a_graph_too():
    with pytest.raises(Exception, match='raised exception ValueError'):
        compile_whole(mf.gala_loss)(LOGITS, LABELS[:5], SUMS, SUMS)


def test_eager_calls_check_values_after_a_compilation():
    compile_whole(mf.gala_loss)(LOGITS, LABELS, SUMS, SUMS)
    with pytest.raises(ValueError, match='labels between 0 and 2.*got 3'):
        mf.gala_loss(LOGITS, LABELS + 1, SUMS, SUMS)
