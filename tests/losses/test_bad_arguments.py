"""Every loss checks its numbers and its sample weights."""

import inspect
import math

import pytest
import torch

from mmgala.functional import checks
from mmgala.losses import base
from tests.batches import random_logits, random_target
from tests.losses.loss_cases import CASES, NUM_CLASSES

KINDS = sorted({case.loss for case in CASES.values()}, key=lambda kind: kind.__name__)
NUMBERS = [
    (kind, name)
    for kind in KINDS
    for name, parameter in inspect.signature(kind).parameters.items()
    if isinstance(parameter.default, float)
]
BROKEN = [math.nan, math.inf, -1.0]


@pytest.mark.parametrize('value', BROKEN)
@pytest.mark.parametrize(
    ('kind', 'name'), NUMBERS, ids=[f'{k.__name__}-{n}' for k, n in NUMBERS]
)
def test_numbers_that_are_not_finite_or_negative_are_refused(kind, name, value):
    with pytest.raises(ValueError, match=rf'but got {value}'):
        kind(NUM_CLASSES, **{name: value})


def call(name, weight):
    loss = CASES[name].build()
    logits = random_logits(3, NUM_CLASSES).requires_grad_()
    target = random_target('hard', 3, NUM_CLASSES)
    torch.manual_seed(0)  # for losses with noise
    value = loss(logits, target, torch.tensor(weight))
    return value, torch.autograd.grad(value, logits)[0], loss.state_dict()


@pytest.mark.parametrize('value', BROKEN)
@pytest.mark.parametrize('name', CASES)
def test_bad_sample_weights_are_refused_on_the_cpu(name, value):
    with pytest.raises(ValueError, match=f'`weight` .*but got {value:g}'):
        call(name, [1.0, value, 0.5])


@pytest.mark.parametrize('value', BROKEN)
@pytest.mark.parametrize('name', CASES)
def test_bad_sample_weights_are_0_on_an_accelerator(name, value, monkeypatch):
    monkeypatch.setattr(base, 'usable_weight', checks.masked_weight)
    found, expected = call(name, [1.0, value, 0.5]), call(name, [1.0, 0.0, 0.5])
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    for key, buffer in expected[2].items():
        assert torch.equal(found[2][key], buffer), key
